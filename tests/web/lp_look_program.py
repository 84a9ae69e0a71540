import gzip
from tests.web.test_loyalty_pages import running, brand_new
def test_start(brand_new):
    page = brand_new.page(language="tr", width=390); page.goto("/loyalty/"); page.screenshot(path="/tmp/lp_shots/x-start.png", full_page=True)
def test_look(running):
    page = running.page()
    page.goto("/loyalty/members/?q=Işıl"); page.locator("tbody a").first.click()
    path = page.url.removeprefix(running.url)
    page.get_by_role("button", name="Adjust points").click(); page.screenshot(path="/tmp/lp_shots/x-adjust.png")
    for p in ["/loyalty/","/loyalty/programme/","/loyalty/members/",path,"/loyalty/programme/rules/purchases/","/loyalty/programme/tiers/","/loyalty/liability/"]:
        a = page.goto(p); b = a.body(); print(p, len(b), len(gzip.compress(b)))
    page.goto(path); page.get_by_role("link", name="Customer", exact=True).click(); page.wait_for_timeout(800)
    page.screenshot(path="/tmp/lp_shots/x-360.png")
    tr = running.page(language="tr", width=390, theme="dark")
    tr.goto(path); tr.get_by_role("button", name="Puan aktar").click(); tr.screenshot(path="/tmp/lp_shots/x-transfer-tr.png")
    tr.goto("/loyalty/rewards/new/"); tr.screenshot(path="/tmp/lp_shots/x-reward-tr.png", full_page=True)
    page.goto("/loyalty/rewards/new/"); page.screenshot(path="/tmp/lp_shots/x-reward.png", full_page=True)
