// GitHub's sample webhooks, signed and received by GitHub's own library.
//
// `sign SECRET`: print each sample of the package as a delivery. `receive SECRET`: read deliveries from stdin,
// verify each as a receiver does, and print what its handlers got.

import { randomUUID } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Webhooks } from "@octokit/webhooks";

const [command, secret] = process.argv.slice(2);
const webhooks = new Webhooks({ secret });

async function sign() {
  const samples = createRequire(import.meta.url)("@octokit/webhooks-examples/api.github.com/index.json");
  const deliveries = [];
  for (const { name, examples } of samples) {
    for (const example of examples) {
      const payload = JSON.stringify(example);
      deliveries.push({ id: randomUUID(), name, payload, signature: await webhooks.sign(payload) });
    }
  }
  return deliveries;
}

async function receive() {
  const handled = [];
  webhooks.onAny(({ id, name, payload }) => handled.push({ id, name, payload }));
  for (const delivery of JSON.parse(readFileSync(0, "utf8"))) {
    await webhooks.verifyAndReceive(delivery);
  }
  return handled;
}

const commands = { sign, receive };
process.stdout.write(JSON.stringify(await commands[command]()));
