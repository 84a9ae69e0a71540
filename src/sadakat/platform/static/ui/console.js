// In the head and not deferred: the colours must be chosen before the first paint.
(() => {
  const root = document.documentElement;
  const kept = () => {
    try {
      return localStorage.getItem("theme") || "system";
    } catch {
      return "system"; // storage may be forbidden; the choice then lasts for the page
    }
  };
  const show = (choice) => {
    if (choice === "system") delete root.dataset.theme;
    else root.dataset.theme = choice;
    for (const button of document.querySelectorAll("[data-theme-choice]"))
      button.setAttribute("aria-pressed", String(button.dataset.themeChoice === choice));
  };
  show(kept());
  document.addEventListener("DOMContentLoaded", () => show(kept()));

  const copy = async (button) => {
    const input = document.getElementById(button.dataset.copies);
    input.select();
    try {
      await navigator.clipboard.writeText(input.value);
    } catch {
      return; // no clipboard without https: the text is selected, ready for the keyboard
    }
    const [before, after] = button.querySelectorAll("span");
    before.hidden = true;
    after.hidden = false;
  };

  document.addEventListener("click", (event) => {
    const at = (selector) => event.target.closest(selector);
    let found;
    if ((found = at("[data-theme-choice]"))) {
      try {
        localStorage.setItem("theme", found.dataset.themeChoice);
      } catch {
        // as above
      }
      show(found.dataset.themeChoice);
      found.closest("[popover]").hidePopover();
    } else if ((found = at("[data-opens]"))) document.getElementById(found.dataset.opens).showModal();
    else if ((found = at("[data-closes]"))) found.closest("dialog").close();
    else if ((found = at("[data-copies]"))) copy(found);
    else if ((found = at("[data-dismiss]"))) found.parentElement.hidden = true;
  });

  document.addEventListener("keydown", (event) => {
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    const find = document.querySelector(".find input");
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey || typing || !find) return;
    event.preventDefault();
    find.focus();
  });

  for (const name of ["htmx:sendError", "htmx:responseError"])
    document.addEventListener(name, () => {
      document.getElementById("failed").hidden = false;
    });
})();
