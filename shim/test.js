// Invokes the handler of a run.js once, as Lambda would:
//
//   node shim/test.js build/echo/run.js '{"foo": "foo"}'
//
// The answer goes to stdout and the log to stderr; the exit code is 1 when the function fails. Without an event, {}.
'use strict';

const { once } = require('node:events');
const path = require('node:path');
const { PassThrough } = require('node:stream');

const [file, text = '{}'] = process.argv.slice(2);
const TIMEOUT_MS = 1000 * Number(process.env.AWS_LAMBDA_FUNCTION_TIMEOUT || 10);

const LOG_MS = 1000; // for what the program still has to say; a daemon that it left may keep its stderr for ever

// The answer is handed over whole, however slowly it is taken.
function leave(code, message) {
  if (message) process.stderr.write(`${message}\n`);
  process.exitCode = code;
  process.stdout.write('', () => setTimeout(() => process.exit(), LOG_MS).unref());
}

process.stdout.on('error', () => process.exit(1)); // nobody takes it
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

function context() {
  const deadline = Date.now() + TIMEOUT_MS;
  return {
    awsRequestId: require('node:crypto').randomUUID(),
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME || 'test',
    functionVersion: '$LATEST',
    invokedFunctionArn: 'arn:aws:lambda:us-east-1:012345678912:function:test',
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE || '128',
    getRemainingTimeInMillis: () => deadline - Date.now(),
  };
}

// As the Node runtime does it: a streaming handler gets a stream to write to.
globalThis.awslambda = {
  HttpResponseStream: { from: (stream) => stream },
  streamifyResponse: (handler) => (event, about) => {
    const stream = new PassThrough();
    stream.pipe(process.stdout, { end: false });
    stream.setContentType = () => {};
    stream.finished = () => once(stream, 'end');
    return handler(event, stream, about);
  },
};

async function main() {
  if (!file) return leave(2, 'usage: node shim/test.js path/to/run.js [\'{"an": "event"}\']');
  let event;
  try {
    event = JSON.parse(text);
  } catch (error) {
    return leave(2, `the event is not JSON: ${error.message}`);
  }
  const script = path.resolve(file);
  process.env.LAMBDA_TASK_ROOT ||= path.dirname(script);
  try {
    const answer = await require(script).handle(event, context());
    if (answer !== undefined) process.stdout.write(`${JSON.stringify(answer)}\n`);
    leave(0);
  } catch (error) {
    const { name, message } = error;
    process.stdout.write(`${JSON.stringify({ errorType: name, errorMessage: message })}\n`);
    leave(1);
  }
}

main();
