// Invokes a handler as Lambda would: node shim/test.js build/echo/run.js '{"foo": "foo"}'
// The answer goes to stdout; when the handler fails, the error goes to stderr and the exit code is 1.
"use strict";

const path = require("node:path");

const [file = "run.js", event = "{}", timeoutMs = "10000"] = process.argv.slice(2);

async function main() {
  process.env.LAMBDA_TASK_ROOT ||= path.dirname(path.resolve(file));
  const { handle } = require(path.resolve(file));
  const deadline = Date.now() + Number(timeoutMs);
  const context = {
    awsRequestId: "00000000-0000-0000-0000-000000000000",
    functionName: path.basename(path.dirname(path.resolve(file))),
    functionVersion: "$LATEST",
    invokedFunctionArn: "arn:aws:lambda:local:000000000000:function:test",
    memoryLimitInMB: "128",
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
  const answer = await handle(JSON.parse(event), context);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
}

main().catch((error) => {
  process.stderr.write(`${error.name}: ${error.message}\n`);
  process.exitCode = 1;
});
