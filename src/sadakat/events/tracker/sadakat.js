// Sadakat's tracker: tells a collector what happens on a web page. ES2017, as it is read here so it is served.
//
//   <script>window.sadakat = window.sadakat || [];</script>
//   <script async src="https://HOST/sadakat.js" data-write-key="KEY"></script>
//   sadakat.push(["track", "Product Viewed", { product_id: "A-1" }]);
//
// Nothing is stored and nothing is sent before consent; until then calls wait in memory with their times.
(() => {
  "use strict";
  const VERSION = "1.0";
  const KEEP_EVENTS = 100;
  const BATCH_EVENTS = 20;
  const BATCH_LETTERS = 20000; // At most 60 KB in UTF-8: browsers let no more outlive a page.
  const BATCH_MS = 1000;
  const MOST_DOUBLINGS = 6;
  const VISIT_MS = 30 * 60 * 1000;
  const YEAR_SECONDS = 365 * 24 * 3600;
  const NAME = "sadakat";

  const early = window[NAME];
  const script = document.currentScript;
  if (!script || (early && early.version)) return;
  const options = script.dataset;
  const url = (options.host || new URL(script.src).origin) + "/v1/b";
  const assumed = options.consent === "granted" && !navigator.globalPrivacyControl;

  const uuid = () => {
    const bytes = crypto.getRandomValues(new Uint8Array(16));
    bytes[6] = (bytes[6] & 15) | 64;
    bytes[8] = (bytes[8] & 63) | 128;
    const hex = Array.from(bytes, (byte) => (byte + 256).toString(16).slice(1)).join("");
    return hex.replace(/(.{8})(.{4})(.{4})(.{4})/, "$1-$2-$3-$4-");
  };

  // Storage: what is blocked throws, and then the next best place serves; in the end the page's own memory.
  const attempt = (action) => {
    try {
      return action();
    } catch (error) {
      return undefined;
    }
  };
  const parsed = (text) => attempt(() => JSON.parse(text)) || undefined;
  const cookie = (value, seconds) =>
    attempt(() => {
      document.cookie = `${NAME}=${value};path=/;max-age=${seconds};samesite=lax`;
    });
  const read = () =>
    parsed(attempt(() => localStorage.getItem(NAME))) ||
    parsed(attempt(() => decodeURIComponent(document.cookie.match(`(^|; )${NAME}=([^;]*)`)[2])));
  const save = (record = state) => {
    const text = JSON.stringify(record);
    const isSaved = attempt(() => (localStorage.setItem(NAME, text), true));
    if (isSaved) return;
    attempt(() => localStorage.removeItem(NAME)); // Full: what it still holds is no longer true.
    cookie(encodeURIComponent(text), YEAR_SECONDS);
  };
  const keptQueues = () => attempt(() => Object.keys(localStorage).filter((key) => key.startsWith(NAME + ".q."))) || [];
  const forget = () => {
    [NAME, ...keptQueues()].forEach((key) => attempt(() => localStorage.removeItem(key)));
    cookie("", 0);
  };

  const fresh = (consent) => ({ consent, id: uuid() });
  let state = Object.assign(fresh(assumed || undefined), read());

  // Sending. The queue holds JSON texts; each page keeps its own under a key that the next page takes over, and what
  // two pages send is counted once, by its messageId.
  const queueKey = `${NAME}.q.${uuid()}`;
  let queue = [];
  let timer;
  let isBusy = false;
  let isKept = false;
  let failures = 0;

  const keep = () =>
    attempt(() => {
      isKept = queue.length && state.consent;
      if (isKept) localStorage.setItem(queueKey, JSON.stringify(queue));
      else localStorage.removeItem(queueKey);
    });
  const begin = () => {
    save();
    keptQueues().forEach((key) => {
      if (key === queueKey) return;
      queue = (parsed(localStorage.getItem(key)) || []).concat(queue).slice(-KEEP_EVENTS);
      keep();
      localStorage.removeItem(key);
    });
    later(0);
  };
  const later = (milliseconds) => {
    if (!timer && queue.length) timer = setTimeout(send, milliseconds);
  };
  const nextBatch = () => {
    let letters = 0;
    return queue.slice(0, BATCH_EVENTS).filter((text, i) => (letters += text.length) <= BATCH_LETTERS || !i);
  };
  const drop = (batch) => {
    queue = queue.filter((text) => !batch.includes(text));
  };
  const body = (batch) =>
    `{"writeKey":${JSON.stringify(options.writeKey)},"sentAt":"${new Date().toISOString()}","batch":[${batch}]}`;

  const send = async () => {
    clearTimeout(timer);
    timer = undefined;
    if (isBusy || !state.consent || !queue.length) return;
    isBusy = true;
    const batch = nextBatch();
    const text = body(batch);
    // A text without a type is text/plain, which needs no preflight request.
    const keepalive = text.length < BATCH_LETTERS * 1.1;
    const answer = await fetch(url, { method: "POST", body: text, keepalive, credentials: "omit" }).catch(() => ({}));
    const status = answer.status;
    isBusy = false;
    const isFailed = !status || status === 408 || status === 429 || status >= 500;
    if (!isFailed) drop(batch);
    if (isFailed || isKept) keep();
    failures = isFailed ? failures + 1 : 0;
    later(isFailed ? BATCH_MS * 2 ** Math.min(failures, MOST_DOUBLINGS) * (0.5 + Math.random() / 2) : 0);
  };

  // The page may never come back. While the collector does not answer, a beacon is only a try: the queue stays.
  const leave = () => {
    if (!state.consent) return;
    const kept = failures || !navigator.onLine ? queue : [];
    while (queue.length) {
      const batch = nextBatch();
      if (!navigator.sendBeacon(url, body(batch))) break;
      drop(batch);
    }
    queue = kept.length ? kept : queue;
    keep();
  };

  // What is said.
  const campaign = () => {
    const words = new URLSearchParams(location.search);
    const said = {};
    ["source", "medium", "campaign", "term", "content"].forEach((word) => {
      const value = words.get("utm_" + word);
      if (value) said[word === "campaign" ? "name" : word] = value;
    });
    return Object.keys(said).length ? said : undefined;
  };
  const pageNow = () => ({
    path: location.pathname,
    referrer: document.referrer,
    search: location.search,
    title: document.title,
    url: location.href.split("#")[0],
  });
  const say = (type, fields) => {
    if (state.consent === false) return;
    const now = new Date();
    if (!(now - state.seen < VISIT_MS)) {
      state.visit = +now;
      state.campaign = undefined;
    }
    state.seen = +now;
    state.campaign = state.campaign || campaign();
    if (state.consent) save();
    const context = {
      page: pageNow(),
      campaign: state.campaign,
      sessionId: state.visit,
      locale: navigator.language,
      timezone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      userAgent: navigator.userAgent,
      screen: { width: screen.width, height: screen.height },
      library: { name: "sadakat.js", version: VERSION },
    };
    const who = { anonymousId: state.id, userId: state.user };
    const text = JSON.stringify(
      Object.assign({ type, messageId: uuid(), timestamp: now.toISOString() }, who, fields, { context })
    );
    queue = queue.concat(text).slice(-KEEP_EVENTS);
    if (!failures && queue.length >= BATCH_EVENTS) send();
    else later(BATCH_MS);
  };

  const calls = {
    identify(user, traits) {
      if (user && typeof user === "object") return calls.identify(undefined, user);
      if (user !== undefined && user !== null) state.user = String(user);
      say("identify", { traits });
    },
    // page(), page(name), page(category, name), each with properties behind.
    page(...words) {
      const properties = typeof words[words.length - 1] === "object" ? words.pop() : undefined;
      const name = words.pop();
      const category = words.pop();
      say("page", { name, category, properties: Object.assign(pageNow(), { name, category }, properties) });
    },
    track(event, properties) {
      say("track", { event, properties });
    },
    reset() {
      state = fresh(state.consent);
      if (state.consent) save();
    },
    consent(isGiven) {
      if (isGiven) {
        state.consent = true;
        return begin();
      }
      forget();
      queue = [];
      state = fresh(false);
      // Where consent is assumed the refusal has to be remembered, and nothing else.
      if (assumed) save({ consent: false });
    },
    flush: () => send(),
    anonymousId: () => state.id,
    push(call) {
      if (typeof call === "function") return call();
      return api[call[0]](...call.slice(1));
    },
  };

  // Whatever goes wrong here, the page goes on.
  const api = { version: VERSION };
  Object.keys(calls).forEach((name) => {
    api[name] = (...words) => {
      try {
        return calls[name](...words);
      } catch (error) {
        console.warn("sadakat." + name, error);
      }
    };
  });
  window[NAME] = api;

  addEventListener("pagehide", leave);
  addEventListener("visibilitychange", () => document.visibilityState === "hidden" && leave());
  addEventListener("online", send);
  // What another tab was told (identify, reset, consent) counts here too.
  addEventListener("storage", (change) => {
    if (change.key !== NAME) return;
    const isWaiting = !state.consent;
    state = Object.assign(fresh(), parsed(change.newValue));
    if (!state.consent) queue = [];
    else if (isWaiting) begin();
  });

  if (state.consent) begin();
  if (Array.isArray(early)) early.forEach(api.push);
  const auto = options.autoPage;
  if (auto) api.page();
  if (auto === "spa") {
    let path = location.pathname;
    const moved = () => {
      if (path !== location.pathname) api.page();
      path = location.pathname;
    };
    addEventListener("popstate", moved);
    const pushState = history.pushState;
    history.pushState = function (...words) {
      pushState.apply(this, words);
      setTimeout(moved); // When the page has its new title.
    };
  }
})();
