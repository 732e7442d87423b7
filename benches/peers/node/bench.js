// The engines of npm on W1. Prints one JSON object a line.
//
//   node bench.js DATA [SIZES] [SECONDS]
//
// SECONDS bounds how long one engine is timed at one size; a slow one is timed on the first receipts only.
import fs from 'node:fs';
import path from 'node:path';
import { ZenDecisionContent, ZenEngine } from '@gorules/zen-engine';
import { LogicEngine } from 'json-logic-engine';
import { Engine as JsonRulesEngine } from 'json-rules-engine';

const [data, sizes = '10,100,1000,10000', seconds = '3'] = process.argv.slice(2);
const folder = path.join(data, 'w1');
const budget = Number(seconds) * 1e9;

const text = (name) => fs.readFileSync(path.join(folder, name), 'utf8');
const lines = (name) => text(name).trim().split('\n').map((line) => JSON.parse(line));
const receipts = lines('receipts.jsonl');

// Each builds the engine with the rules and returns what gives the points of one receipt.
const peers = {
  'zen-engine (npm)': (size) => {
    const decision = new ZenEngine().createDecision(new ZenDecisionContent(Buffer.from(text(`zen_${size}.json`))));
    return async (receipt) => (await decision.evaluate(receipt)).result.reduce((sum, row) => sum + row.points, 0);
  },
  'json-logic-engine (npm)': (size, rules) => {
    const engine = new LogicEngine();
    const tests = JSON.parse(text(`logic_${size}.json`)).map((logic) => engine.build(logic));
    return (receipt) => {
      let rate = 0;
      for (let place = 0; place < tests.length; place += 1) {
        if (tests[place](receipt)) rate += rules[place].k;
      }
      return rate * Math.floor(receipt.total);
    };
  },
  'json-rules-engine (npm)': (_, rules) => {
    const engine = new JsonRulesEngine();
    for (const rule of rules) {
      const all = [{ fact: 'categories', operator: 'contains', value: rule.category }];
      if (rule.stores.length > 0) all.push({ fact: 'store', operator: 'in', value: rule.stores });
      all.push(
        { fact: 'tier', operator: 'in', value: rule.tiers },
        { fact: 'day', operator: 'greaterThanInclusive', value: rule.from },
        { fact: 'day', operator: 'lessThanInclusive', value: rule.to },
        { fact: 'total', operator: 'greaterThanInclusive', value: rule.min_amount },
      );
      engine.addRule({ name: rule.id, conditions: { all }, event: { type: 'credit', params: { k: rule.k } } });
    }
    return async (receipt) => {
      const { events } = await engine.run(receipt);
      return events.reduce((sum, event) => sum + event.params.k * Math.floor(receipt.total), 0);
    };
  },
};

const now = () => Number(process.hrtime.bigint());

async function measure(size, prepare) {
  const rules = JSON.parse(text(`rules_${size}.json`));
  const expected = lines(`expected_${size}.jsonl`);
  let start = now();
  const evaluate = prepare(size, rules);
  const build = now() - start;
  // The JIT compiles what has been running for a while.
  start = now();
  let warmed = 0;
  for (; warmed < 300 && now() - start < budget / 4; warmed += 1) await evaluate(receipts[warmed]);
  const each = (now() - start) / warmed;
  const count = Math.min(receipts.length, Math.max(3, Math.floor(budget / 3 / each)));
  let wrong = 0;
  for (let place = 0; place < count; place += 1) {
    if ((await evaluate(receipts[place])) !== expected[place].points) wrong += 1;
  }
  // Slices of about a millisecond, so that some pass of each is not interrupted; of each its least time counts.
  const slice = Math.min(50, Math.max(1, Math.floor(1e6 / each)));
  const times = new Array(Math.ceil(count / slice)).fill(Infinity);
  start = now();
  for (let round = 0; round < 2 || now() - start < budget; round += 1) {
    for (let first = 0; first < count; first += slice) {
      const last = Math.min(first + slice, count);
      const begun = now();
      for (let place = first; place < last; place += 1) await evaluate(receipts[place]);
      times[first / slice] = Math.min(times[first / slice], now() - begun);
    }
  }
  const least = times.reduce((sum, time) => sum + time, 0);
  return { receipts: count, nanoseconds: least, build_nanoseconds: build, wrong };
}

for (const [engine, prepare] of Object.entries(peers)) {
  for (const size of sizes.split(',').map(Number)) {
    let result;
    try {
      result = await measure(size, prepare);
    } catch (error) {
      result = { error: String(error).slice(0, 200) };
    }
    console.log(JSON.stringify({ engine, workload: 'w1', rules: size, ...result }));
  }
}
