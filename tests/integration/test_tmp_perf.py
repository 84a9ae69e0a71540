import time
from tests.integration import earning
from tests.integration.earning import Shop
shop = earning.shop
def test_perf(shop: Shop) -> None:
    from sadakat.events import api as events
    from sadakat.loyalty.rules.programme import DEFAULT
    from sadakat.loyalty import api as loyalty
    from datetime import timedelta
    loyalty.apply_programme({**DEFAULT}, actor=earning.DENIZ, at=shop.start - timedelta(days=100))
    n = 5000
    shop.put(*(shop.order(id=str(i), user=f"u{i%2000}", day=i/500, products=[{"product_id": f"p{i%50}", "price": 50, "quantity": 1},{"product_id": f"q{i%50}", "price": 30, "quantity": 1}]) for i in range(n)))
    while events.sequence(at=shop.now).sequenced: pass
    import cProfile, pstats
    for name in events.consumers():
        t=time.process_time(); w=time.perf_counter()
        if name == "loyalty.earning":
            p=cProfile.Profile(); p.enable()
        while events.consume(name, at=shop.now): pass
        if name == "loyalty.earning":
            p.disable(); pstats.Stats(p).sort_stats("cumtime").print_stats(45)
        print(name, round(time.process_time()-t,2), round(time.perf_counter()-w,2))
    earning.whole()
