// What a client says with the generated types: tsc refuses this file when they lose a body, a scope's route or a response.
import type { components, operations, paths } from "./api.js";

type Body<Operation extends keyof operations> = operations[Operation] extends {
  requestBody?: { content: { "application/json": infer Json } };
}
  ? Json
  : never;

export const receipt: Body<"sendReceipt"> = {
  id: "0532-0007",
  occurred_at: "2026-03-01T10:15:00+01:00",
  member: { id: "c-42" },
  currency: "EUR",
  total: "120.00",
};

// @ts-expect-error: a receipt needs a total
export const incomplete: Body<"sendReceipt"> = {
  id: "0532-0008",
  occurred_at: "2026-03-01T10:15:00+01:00",
  member: null,
  currency: "EUR",
};

// @ts-expect-error: an action of a coupon takes no such field
export const unknown: Body<"useCoupon"> = { receipts: "0532-0007" };

export const points = (member: components["schemas"]["MemberView"]): number => member.points.available;

export type Hub = paths["/v1/hub"]["get"]["responses"][200]["content"]["application/json"];
