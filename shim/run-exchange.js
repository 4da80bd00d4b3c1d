// One event of a program that knows stdin and stdout.

// ---- programs in waiting ----

const waiting = []; // started ahead, or persistent and idle
let events = 0; // under way

// A persistent program that is at work will wait for the next event, so none is started beside it.
function prestart() {
  if (prestarts && waiting.length === 0 && (perEvent || events === 0)) waiting.push(new Program());
}

// A program for this event: one that waits, or a new one where that has gone in the meantime.
async function readyProgram(context, deadline) {
  if (waiting.length > 0) await turn(); // so that an end that has come is known
  while (waiting.length > 0) {
    const one = waiting.pop();
    if (!one.gone) return one;
    one.drop();
  }
  return new Program(prestarts ? {} : eventVariables(context, deadline));
}

function eventVariables(context, deadline) {
  const json = (value) => (value === undefined || value === null ? undefined : JSON.stringify(value));
  const variables = {
    _X_AMZN_TRACE_ID: traceOf(context),
    LAMBDA_RUNTIME_AWS_REQUEST_ID: context.awsRequestId,
    LAMBDA_RUNTIME_INVOKED_FUNCTION_ARN: context.invokedFunctionArn,
    LAMBDA_RUNTIME_CLIENT_CONTEXT: json(context.clientContext),
    LAMBDA_RUNTIME_COGNITO_IDENTITY: json(context.identity),
    LAMBDA_RUNTIME_AWS_TENANT_ID: context.tenantId,
    LAMBDA_RUNTIME_DEADLINE_MS: deadline?.toString(),
  };
  return Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== undefined));
}

// ---- one event ----

function inputOf(event, context, deadline) {
  const text = textOf(event);
  if (settings.input === 'event') return text;
  const fields = {
    awsRequestId: context.awsRequestId ?? null,
    functionName: context.functionName ?? null,
    functionVersion: context.functionVersion ?? null,
    invokedFunctionArn: context.invokedFunctionArn ?? null,
    memoryLimitInMB: context.memoryLimitInMB ?? null,
    deadlineMs: deadline ?? null,
    traceId: traceOf(context) ?? null,
    clientContext: context.clientContext ?? null,
    identity: context.identity ?? null,
    tenantId: context.tenantId ?? null,
  };
  return `{"event":${text},"context":${JSON.stringify(fields)}}`;
}

// The first program that somebody drives by frames, as a rule.
const frameHint = (one) =>
  persistent && !one.served
    ? '; it has written no frame so far (`<request id> <length>`, the answer, a flush), and process = "per-event" takes any program'
    : '';

function timeoutFailure(one, deadline, id) {
  const what = perEvent && one.child?.stdout?.readableEnded ? 'ended (though it had closed its stdout)' : 'answered';
  return failure(
    'Function.Timeout',
    `${main} had not ${what} shortly before the deadline ${deadline} of request ${id} and was killed${frameHint(one)}`,
    one.lastLines(),
  );
}

async function endFailure(one, thrownAway = 0) {
  const { code, signal, error } = one.gone;
  if (error) return startFailure(error);
  const how = signal ? `was killed by signal ${os.constants.signals[signal]} (${signal})` : `ended with exit code ${code}`;
  const rest = thrownAway && !streamed ? `; the ${thrownAway} bytes of its stdout are thrown away` : '';
  const atStart = persistent && !one.served && Program.endedUnasked;
  const name = (!signal && settings.errors[code]) || (atStart ? 'Runtime.ExitError' : 'Function.ExitError');
  const when = atStart ? ' before it had answered, as one did before its first event' : ' before it had answered';
  const hint = code === 0 && !atStart ? frameHint(one) : '';
  return failure(name, `${main} ${how}${persistent ? when : rest}${hint}`, await one.lastWords());
}

// Event in, answer out, both at the same time; `give` gets the answer piece by piece.
function perEventExchange(one, id, input, give, { resolve, reject }) {
  const { stdin, stdout } = one.child ?? {};
  let size = 0;
  const onBytes = (bytes) => {
    size += bytes.length;
    give(bytes);
  };
  const onEnd = async () => {
    await one.drain(stdout);
    return settings.success.includes(one.gone.code) ? resolve() : reject(await endFailure(one, size));
  };
  one.client = { onBytes, onSilence: () => {}, onEnd };
  stdin?.end(input);
  stdout?.resume();
}

function persistentExchange(one, id, input, give, { resolve, reject }) {
  const { stdin } = one.child ?? {};
  let [fed, complete] = [false, false];
  const rejectBroken = async (how) => reject(failure('Function.InvalidFrame', `${main} ${how}`, await one.lastWords()));
  let message; // of a failure
  let type;
  const expected = {
    id,
    give: (bytes) => (message ? message.push(bytes) : give(bytes)),
    complete: () => (complete = true),
    start(length, failed) {
      message = failed ? [] : undefined;
      type = failed;
      if ((failed || !streamed) && length > ANSWER_LIMIT) reject(tooLarge());
    },
  };
  const onBytes = async (bytes) => {
    if (one.frames.place === 'broken') return;
    const started = one.frames.place === 'answer';
    const how = one.frames.take(bytes, complete ? null : expected);
    if (how) return rejectBroken(how);
    if (!started && one.frames.place !== 'lines') await turn(); // the news that it was fed may be on its way
    if (!fed && one.frames.place !== 'lines') return rejectBroken('answered before it had taken the whole event');
    if (complete) {
      await turn(); // bytes that follow directly would show that the length was wrong
      settle();
    }
  };
  const settle = () => {
    if (!message) return resolve();
    reject(outlived(failure(type, Buffer.concat(message).toString())));
  };
  const onSilence = async () => {
    await sleep(one.gone ? 0 : LAST_WORDS_MS);
    if (!one.gone) {
      reject(failure('Function.NoResponse', `${main} closed its stdout before it had answered`, await one.lastWords()));
    }
  };
  const onEnd = async () => {
    await one.drain(one.child?.stdout);
    return complete ? settle() : reject(await endFailure(one));
  };
  one.frames.beginLine();
  one.client = { onBytes, onSilence, onEnd };
  stdin?.write(`${id} ${Buffer.byteLength(input)}\n${input}`, () => (fed = true));
}

// One event from start to end; resolves when the answer is whole. `begun` gets what to call when nobody wants it any more.
async function run(event, context, give, begun = () => {}) {
  const deadline = deadlineOf(context);
  const input = inputOf(event, context, deadline);
  events += 1;
  const one = await readyProgram(context, deadline);
  let timer;
  let any = false;
  const take = (bytes, reject) => {
    any ||= bytes.length > 0;
    give(bytes, one, reject);
  };
  one.tail = perEvent ? one.tail : NOTHING;
  one.requestId = context.awsRequestId;
  one.hold(true);
  try {
    await new Promise((resolve, reject) => {
      const left = deadline - Date.now();
      const tooLate = () => reject(timeoutFailure(one, new Date(deadline).toISOString(), context.awsRequestId));
      // A deadline that has passed already tells of a clock that is wrong rather than of a hurry.
      if (left > 0) timer = setTimeout(tooLate, Math.min(left - Math.min(GRACE_MS, left / 4), LONGEST_TIMER));
      const exchange = perEvent ? perEventExchange : persistentExchange;
      begun(reject);
      exchange(one, context.awsRequestId, input, (bytes) => take(bytes, reject), { resolve, reject });
      if (one.gone) one.client.onEnd();
    });
    if (!any) throw await noResponse(one);
    if (persistent) keepWaiting(one);
    else one.drop();
  } catch (error) {
    if (error.livesOn) keepWaiting(one);
    else one.drop();
    throw error;
  } finally {
    events -= 1;
    clearTimeout(timer);
    setImmediate(() => setImmediate(prestart)); // AWS's client sends the answer first
  }
}

async function noResponse(one) {
  const what = `${main} wrote no answer to its stdout; a program with nothing to say writes null`;
  const error = failure('Function.NoResponse', what, await one.lastWords());
  return persistent ? outlived(error) : error;
}

// A failure behind which the program lives on; no member of what AWS's client logs.
const outlived = (error) => Object.defineProperty(error, 'livesOn', { value: true });

function keepWaiting(one) {
  one.served = true;
  Program.endedUnasked = false;
  one.client = one.rest;
  one.hold(false);
  const { stdout } = one.child ?? {};
  if (stdout?.readableEnded) one.drop(); // it has closed it, and can answer no more
  stdout?.resume(); // a slow reader of a stream may have stopped it
  if (!one.gone) waiting.push(one);
}
