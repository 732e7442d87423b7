// Sends placed orders of Medusa 2 to Tessera, signed by Standard Webhooks. Never run against the vendor.

import { createHmac } from "node:crypto";

interface Item {
  id: string;
  variant_sku?: string | null;
  title: string;
  quantity: number;
  total: number;
}

interface Order {
  id: string;
  created_at: string | Date;
  currency_code: string;
  customer_id?: string | null;
  email?: string | null;
  items: Item[];
}

// What is used of Medusa's own types (SubscriberArgs), so that the file is checked without Medusa.
interface SubscriberArgs {
  event: { data: { id: string } };
  container: {
    resolve(name: "query"): {
      graph(query: { entity: "order"; fields: string[]; filters: { id: string } }): Promise<{ data: Order[] }>;
    };
  };
}

const FIELDS = ["id", "created_at", "currency_code", "customer_id", "email", "items.*"];

/** The payload: amounts as texts with two decimals, as the mapping reads them. */
export function payload(order: Order): string {
  const cents = (amount: number) => Math.round(amount * 100);
  const text = (minor: number) => `${Math.floor(minor / 100)}.${String(minor % 100).padStart(2, "0")}`;
  const items = order.items.map((item) => ({
    id: item.id,
    sku: item.variant_sku ?? undefined,
    title: item.title,
    quantity: item.quantity,
    amount: text(cents(item.total)),
  }));
  const total = order.items.reduce((sum, item) => sum + cents(item.total), 0);
  return JSON.stringify({
    type: "order.placed",
    order: {
      id: order.id,
      created_at: new Date(order.created_at).toISOString(),
      currency: order.currency_code.toUpperCase(),
      customer_id: order.customer_id ?? undefined,
      email: order.email ?? undefined,
      total: text(total),
      items,
    },
  });
}

/** The headers of Standard Webhooks. */
export function sign(id: string, body: string, secret: string, seconds: number): Record<string, string> {
  const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
  const signature = createHmac("sha256", key).update(`${id}.${seconds}.${body}`).digest("base64");
  return {
    "content-type": "application/json",
    "webhook-id": id,
    "webhook-timestamp": String(seconds),
    "webhook-signature": `v1,${signature}`,
  };
}

export default async function tesseraOrders({ event, container }: SubscriberArgs): Promise<void> {
  const query = container.resolve("query");
  const { data } = await query.graph({ entity: "order", fields: FIELDS, filters: { id: event.data.id } });
  const order = data[0];
  const { TESSERA_HOOK, TESSERA_SECRET } = process.env;
  if (!order || !TESSERA_HOOK || !TESSERA_SECRET) {
    return;
  }
  const body = payload(order);
  const headers = sign(order.id, body, TESSERA_SECRET, Math.floor(Date.now() / 1000));
  const response = await fetch(TESSERA_HOOK, { method: "POST", headers, body });
  if (!response.ok) {
    // Medusa's event bus tries again.
    throw new Error(`Tessera responded ${response.status}`);
  }
}

export const config = { event: "order.placed" };
