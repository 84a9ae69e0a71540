// Says everything that a server's SDK can say, once, and ends when the SDK believes that all has been delivered.
// Arguments: the SDK, the write key, the collector's address. Prints the errors that the SDK reported.
import { Analytics as Segment } from "@segment/analytics-node";
import Rudder from "@rudderstack/rudder-sdk-node";

const [sdk, key, host] = process.argv.slice(2);
const errors = [];
const report = (error) => errors.push(String(error.reason || error));

const makers = {
  segment() {
    const client = new Segment({ writeKey: key, host, flushAt: 4, flushInterval: 100, maxRetries: 200 });
    client.on("error", report);
    return [client, () => client.closeAndFlush({ timeout: 60000 })];
  },
  rudder() {
    const client = new Rudder(key, {
      dataPlaneUrl: host,
      flushAt: 4,
      logLevel: "none",
      retryCount: 200,
      axiosRetryConfig: { retryDelay: () => 100 },
      errorHandler: report,
    });
    return [client, () => client.flush().then(() => client.queue.length && client.flush()).then(() => client.pendingFlush)];
  },
};
const [client, finish] = makers[sdk]();

const userId = "ayse";
client.identify({ messageId: "identify", userId, traits: { email: "ayse@example.com", city: "İzmir" } });
client.page({ messageId: "page", userId, category: "Shop", name: "Home", properties: { url: "https://shop.example/" } });
client.screen({ messageId: "screen", userId, name: "Basket" });
client.group({ messageId: "group", userId, groupId: "g1", traits: { size: 3 } });
client.alias({ messageId: "alias", userId, previousId: "anonymous-1" });
client.track({ messageId: "anonymous", anonymousId: "anonymous-1", event: "Product Viewed", properties: { product_id: "p1" } });
client.track({
  messageId: "order",
  userId,
  event: "Order Completed",
  timestamp: new Date("2026-03-01T08:30:00Z"),
  originalTimestamp: new Date("2026-03-01T08:30:00Z"),
  properties: {
    order_id: "A-1",
    revenue: 250.5,
    total: 280.5,
    currency: "TRY",
    products: [{ product_id: "p1", name: "Kış botu", price: 250.5, quantity: 1 }],
  },
});
await finish();
console.log(JSON.stringify(errors));
