import { createClient } from '../../../functions/customer-hub/assets/src/client.js';

const client = createClient({ api: 'https://loyalty.example' });

createClient({ program: 'demo' });
await client.redeem(5);
await client.join({ email: 'ada@example.com' });
(await client.hub()).points.available;
