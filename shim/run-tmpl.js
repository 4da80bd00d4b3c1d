// run.js: stands between Lambda's Node runtime and a program that knows only stdin and stdout.
//
//   in   an event and its context, from the runtime      out  the program's answer, or an error with its reason
//
// The contract is that of the native bootstrap and stands in shim/README.md. In the order of this file: settings, the
// program's environment, the log, one running program, the two ways to drive it, the handler.
'use strict';

const { spawn, spawnSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const main = '$$main$$';
const settings = JSON.parse('$$settings$$'); // ShimSettings of tasks/lib/shim.py, answer_bytes and lib
const perEvent = settings.process === 'per-event';
const persistent = settings.process === 'persistent';
const streamed = settings.response === 'stream';
const prestarts = persistent || (perEvent && settings.prestart);

const ANSWER_LIMIT = settings.answer_bytes;
const GRACE_MS = 300; // we answer this long before Lambda's own deadline
const LAST_WORDS_MS = 100; // from the end of stdout to the end of the program, where the one follows from the other
const TAIL = 2048; // bytes of stderr in an error message
const HEAD = 672; // a frame's head is shorter
const PRELUDED = 'application/vnd.awslambda.http-integration-response'; // the program writes status and headers itself
const WAITING = 1 << 20; // bytes of stray stdout, for a log that is not read
const LONGEST_LINE = 32768; // bytes of a record in the log
const LOG_TRIES = 40; // of 5 ms, for a reader of the log that is slow
const LONGEST_TIMER = 2 ** 31 - 1; // ms; Node takes anything above for nothing
const NOTHING = Buffer.alloc(0);

// ---- the program's environment ----

const root = process.env.LAMBDA_TASK_ROOT || '/var/task';
const lib = path.join(root, settings.lib);
const program = path.join(root, main);
const LOADERS = {
  x64: ['ld-linux-x86-64.so.2', 'ld-musl-x86_64.so.1'],
  arm64: ['ld-linux-aarch64.so.1', 'ld-musl-aarch64.so.1'],
};

// Lambda itself sets LANG=en_US.UTF-8, a locale that Amazon Linux 2023 does not have: a Haskell program would fall back
// to ASCII and die at the first other character. Any other name is the user's wish.
const { LC_ALL, LC_CTYPE, LANG, LD_LIBRARY_PATH } = process.env;
const localeNamed = LC_ALL || LC_CTYPE || (LANG && LANG !== 'en_US.UTF-8');

// The program is started through the loader of its own C library when the package has one. Its folder must not stand in
// LD_LIBRARY_PATH then: whatever the program starts would get a C library that does not fit the system's loader.
const libraryPath = LD_LIBRARY_PATH ? `${lib}:${LD_LIBRARY_PATH}` : lib;
const loader = (LOADERS[process.arch] || []).map((name) => path.join(lib, name)).find((file) => fs.existsSync(file));
const command = [...(loader ? [loader, '--library-path', libraryPath] : []), program, ...settings.arguments];

const environment = {
  ...process.env,
  ...(localeNamed ? {} : { LANG: 'C.UTF-8', LC_ALL: 'C.UTF-8' }),
  ...(!loader && fs.existsSync(lib) ? { LD_LIBRARY_PATH: libraryPath } : {}),
  ...(fs.existsSync(path.join(lib, 'gconv')) ? { GCONV_PATH: path.join(lib, 'gconv') } : {}),
  LAMBDA_SHIM_PROCESS: settings.process,
  LAMBDA_SHIM_INPUT: settings.input,
  LAMBDA_SHIM_RESPONSE: !streamed ? 'buffered' : settings.content_type === PRELUDED ? 'prelude' : 'stream',
};

// ---- errors: what the caller gets in place of an answer ----

function failure(type, message, tail = '') {
  const error = new Error(tail ? `${message}; the end of its stderr:\n${tail}` : message);
  error.name = type;
  error.stack = `${type}: ${message}`; // where in this file it was made helps nobody, and stderr is in the log already
  return Object.defineProperty(error, 'about', { value: message });
}

function notStarted(error) {
  const why = {
    EACCES: '; it is not an executable file (mode 0755)',
    ENOEXEC: '; it is no program for this processor',
    ENOENT: '; it, or the interpreter it asks for, does not exist',
  };
  return failure('Runtime.InvalidEntrypoint', `cannot start ${program}: ${error.message}${why[error.code] || ''}`);
}

const tooLarge = () =>
  failure(
    'Function.ResponseSizeTooLarge',
    `the answer of ${main} is above ${ANSWER_LIMIT} bytes, Lambda's limit; stream it, or leave it in S3`,
  );

// ---- the log: the program's stderr, and stdout that is no answer ----

const inJson = /^json$/i.test(process.env.AWS_LAMBDA_LOG_FORMAT ?? '');
const LEVELS = ['TRACE', 'DEBUG', 'INFO', 'WARN', 'ERROR', 'FATAL'];
const levelOf = (name) => LEVELS.indexOf(String(name).toUpperCase());
const leastLevel = levelOf(process.env.AWS_LAMBDA_LOG_LEVEL);

// A record of the log in JSON, where its level is asked for.
function recordOf(level, requestId, message) {
  if (levelOf(level) < leastLevel) return '';
  return `${JSON.stringify({ timestamp: new Date().toISOString(), level, requestId, message })}\n`;
}

// A line that is a JSON object is a record already, and its own level counts; any other is INFO.
function recordOfLine(requestId, bytes) {
  const line = bytes.toString().trimEnd();
  const record = line.startsWith('{') ? objectOf(line) : undefined;
  if (!record) return line ? recordOf('INFO', requestId, line) : '';
  const level = 'level' in record && levelOf(record.level) >= 0 ? levelOf(record.level) : levelOf('INFO');
  return level < leastLevel ? '' : `${line}\n`;
}

function objectOf(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

// Lines on their way to be records; in text they go through as they come.
class Lines {
  rest = NOTHING;

  take(bytes, requestId) {
    if (!inJson) return bytes;
    const records = [];
    this.rest = this.rest.length > 0 ? Buffer.concat([this.rest, bytes]) : bytes;
    for (let end; (end = this.rest.indexOf(10)) >= 0 || this.rest.length > LONGEST_LINE; ) {
      const size = end < 0 || end > LONGEST_LINE ? LONGEST_LINE : end;
      records.push(recordOfLine(requestId, this.rest.subarray(0, size)));
      this.rest = this.rest.subarray(size + (size === end));
    }
    return Buffer.from(records.join(''));
  }

  // What is there of a line that nobody ends.
  end(requestId) {
    const last = inJson ? recordOfLine(requestId, this.rest) : '';
    this.rest = NOTHING;
    return Buffer.from(last);
  }
}

// A line of our own.
const note = (message) => Buffer.from(inJson ? recordOf('WARN', undefined, message) : `run.js: ${message}\n`);

// One after the other to our stderr, from a thread: a reader that has gone to sleep must not stop us.
class Log {
  waiting = [];
  size = 0; // bytes that wait
  writing = false;

  dropped = 0; // bytes, not told yet

  // Without `done` nobody waits for it, and what nobody has read for long is dropped; the log says so.
  write(bytes, done) {
    if (!done && this.size > WAITING) {
      this.dropped += bytes.length;
      return;
    }
    if (this.dropped > 0) {
      const lost = note(`${this.dropped} bytes of stray stdout are lost here: nobody took the log`);
      this.dropped = 0;
      this.write(lost);
    }
    this.waiting.push({ bytes, done });
    this.size += bytes.length;
    if (!this.writing) this.next();
  }

  // A reader that is awake gets all of it: whoever fills the log waits a little for it.
  async room() {
    for (let tries = 0; this.size > WAITING / 2 && tries < LOG_TRIES; tries += 1) await sleep(5);
  }

  next() {
    const piece = this.waiting[0];
    this.writing = piece !== undefined;
    if (!piece) return;
    fs.write(2, piece.bytes, (error, written) => {
      if (error && error.code === 'EAGAIN') return setTimeout(() => this.next(), 5);
      this.size -= error ? piece.bytes.length : written;
      piece.bytes = error ? NOTHING : piece.bytes.subarray(written);
      if (piece.bytes.length === 0) {
        this.waiting.shift();
        piece.done?.();
      }
      this.next();
    });
  }
}

const log = new Log();
const turn = () => new Promise(setImmediate);
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// ---- one running program ----

const alive = new Set();
process.on('exit', () => alive.forEach((one) => one.kill()));

// What happens to it is told to `client`: {heard(bytes), silent(), over()}; the end also stands in `gone`.
class Program {
  requestId; // of its event, the last one's between events
  said = new Lines(); // on stderr
  strayed = new Lines(); // on stdout
  frames = new Frames((bytes) => log.write(this.strayed.take(bytes, this.requestId)));
  tail = NOTHING;
  gone = null; // how it ended, {code, signal} or {error}

  constructor(variables = {}) {
    this.client = this.rest;
    try {
      this.child = spawn(command[0], command.slice(1), {
        cwd: root,
        env: { ...environment, ...variables },
        detached: true, // a group of its own, so that all of it can be ended
        stdio: ['pipe', 'pipe', 'pipe'],
      });
    } catch (error) {
      this.gone = { error };
      return;
    }
    alive.add(this);
    this.child.once('error', (error) => this.end({ error }));
    this.child.once('exit', (code, signal) => this.end({ code, signal }));
    const { stdin, stdout, stderr } = this.child;
    for (const stream of [stdin, stdout, stderr]) stream?.on('error', () => {}); // its end says more
    stdout?.on('data', (bytes) => {
      this.client.heard(bytes);
      if (perEvent || log.size <= WAITING / 2) return;
      stdout.pause();
      log.room().then(() => stdout.resume());
    });
    stdout?.once('end', () => this.client.silent());
    if (perEvent) stdout?.pause(); // what it says now is said to the event
    stderr?.on('data', (bytes) => {
      this.tail = Buffer.concat([this.tail, bytes]).subarray(-2 * TAIL);
      stderr.pause();
      log.write(this.said.take(bytes, this.requestId), () => stderr.resume());
    });
    stderr?.once('end', () => [this.said, this.strayed].forEach((lines) => log.write(lines.end(this.requestId))));
    this.hold(false);
  }

  // Between events: whatever a persistent program says is log, and one that breaks the frames is used no more.
  rest = {
    heard: (bytes) => {
      if (this.frames.take(bytes, null) === null) return;
      log.write(note('the program wrote more than its answer had bytes; it is started anew'));
      this.drop();
    },
    silent: () => this.drop(),
    over: () => {},
  };

  end(how) {
    if (this.gone) return;
    this.gone = how;
    this.kill();
    this.client.over();
  }

  // Whether Node has to stay for it.
  hold(held) {
    for (const handle of [this.child, ...(this.child?.stdio ?? [])]) handle?.[held ? 'ref' : 'unref']();
  }

  // The program, and whatever it has started in its group.
  kill() {
    alive.delete(this);
    try {
      if (this.child?.pid) process.kill(-this.child.pid, 'SIGKILL');
    } catch {
      // it is gone already, or has left the group
    }
    this.child?.kill('SIGKILL');
  }

  // Nothing more is wanted from it. A daemon that still holds its stdout does not hold us.
  drop() {
    this.client = this.rest;
    this.gone ??= {};
    this.kill();
    this.child?.stdin?.destroy();
    this.child?.stdout?.destroy();
  }

  // Wait until all that stood in a pipe was read: what comes later comes from somebody else.
  async drain(stream, limitMs = Infinity) {
    const until = Date.now() + limitMs;
    for (let quiet = 0; stream && quiet < 3 && !stream.readableEnded && !stream.destroyed && Date.now() < until; ) {
      const before = stream.bytesRead;
      await (stream.isPaused() ? sleep(1) : turn());
      quiet = stream.isPaused() || stream.bytesRead > before ? 0 : quiet + 1;
    }
  }

  async lastWords() {
    await this.drain(this.child?.stderr, LAST_WORDS_MS);
    return this.lastLines();
  }

  // The end of stderr, from the start of a line where one was cut.
  lastLines() {
    const tail = this.tail.subarray(-TAIL);
    const line = this.tail.length > TAIL ? tail.indexOf('\n') + 1 : 0;
    return tail.subarray(line < tail.length ? line : 0).toString().trimEnd();
  }
}

// ---- persistent: frames on stdout ----

// Reads stdout as lines until the head of the frame we wait for, `<request id> <length>`, or `<request id> error <length>
// <Type>` before the message of a failure; what is no such head is log.
class Frames {
  place = 'lines'; // or 'answer'; or 'behind': directly after a frame, where a line break may stand
  line = NOTHING; // the line so far
  longLine = false; // it is too long for a head, and its beginning is in the log already
  left = 0; // bytes of the answer still to come

  constructor(stray) {
    this.stray = stray; // gets what is log
  }

  // Take what stdout said; `expected` is null between events. Returns how the frames were broken, if they were.
  take(bytes, expected) {
    while (bytes.length > 0) {
      if (this.place === 'behind') {
        if (bytes[0] !== 10) return 'wrote more than the length of its answer; the length counts bytes, not characters';
        this.place = 'lines';
        bytes = bytes.subarray(1);
      } else if (this.place === 'lines') {
        bytes = this.takeLine(bytes, expected);
        if (this.place === 'broken') {
          return (
            'began an answer with a head that is none (it is the last line of the log); ' +
            '`<request id> <length>` or `<request id> error <length> <Type>`'
          );
        }
      } else {
        const part = bytes.subarray(0, this.left);
        bytes = bytes.subarray(part.length);
        this.left -= part.length;
        expected.give(part);
      }
      if (this.place === 'answer' && this.left === 0) {
        this.place = 'behind';
        expected.complete();
        expected = null; // the first frame is the answer; what follows is log
      }
    }
    return null;
  }

  // The answer begins a line of its own, whatever was said before the event.
  beginLine() {
    if (this.longLine || this.line.length > 0) this.stray(Buffer.concat([this.line, Buffer.from('\n')]));
    this.place = 'lines';
    this.line = NOTHING;
    this.longLine = false;
  }

  takeLine(bytes, expected) {
    const end = bytes.indexOf(10);
    const more = end < 0 ? bytes : bytes.subarray(0, end);
    if (this.longLine || this.line.length + more.length > HEAD) {
      this.stray(Buffer.concat([this.line, more]));
      this.line = NOTHING;
      this.longLine = true;
    } else {
      this.line = Buffer.concat([this.line, more]);
    }
    if (end < 0) return NOTHING;
    const head = expected ? this.headOf(expected.id) : null;
    const [, failed, length, type] = /^(error )?(\d{1,10})(?: ((?<=error \d+ )[A-Za-z][\w.]{0,127}))?$/.exec(head ?? '') || [];
    if (length === undefined) {
      if (head !== null) this.place = 'broken'; // it bears the id of the request under way
      this.stray(Buffer.concat([this.line, Buffer.from('\n')]));
    } else {
      this.place = 'answer';
      this.left = Number(length);
      expected.start(this.left, failed && (type ?? 'Function.HandlerError'));
    }
    this.line = NOTHING;
    this.longLine = false;
    return bytes.subarray(end + 1);
  }

  headOf(id) {
    const text = this.longLine ? '' : this.line.toString('latin1');
    return text.startsWith(`${id} `) ? text.slice(id.length + 1) : null;
  }
}

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

// Where several events are served at once, the environment cannot tell.
const traceOf = (context) => context.xRayTraceId ?? process.env._X_AMZN_TRACE_ID;

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

// Milliseconds since 1970, or undefined when the context does not tell.
function deadlineOf(context) {
  const left = context.getRemainingTimeInMillis?.();
  return Number.isFinite(left) ? Date.now() + Math.round(left) : undefined;
}

function textOf(event) {
  try {
    return JSON.stringify(event) ?? 'null';
  } catch (error) {
    throw failure('Runtime.EventTooDeep', `Node cannot write the event down: ${error.message}`);
  }
}

function inputOf(event, context, deadline) {
  const text = textOf(event);
  if (settings.input === 'event') return Buffer.from(text);
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
  return Buffer.from(`{"event":${text},"context":${JSON.stringify(fields)}}`);
}

function timedOut(one, deadline, id) {
  const what = perEvent && one.child?.stdout?.readableEnded ? 'ended (though it had closed its stdout)' : 'answered';
  return failure(
    'Function.Timeout',
    `${main} had not ${what} shortly before the deadline ${deadline} of request ${id} and was killed`,
    one.lastLines(),
  );
}

async function ended(one, thrownAway = 0) {
  const { code, signal, error } = one.gone;
  if (error) return notStarted(error);
  const how = signal ? `was killed by signal ${os.constants.signals[signal]} (${signal})` : `ended with exit code ${code}`;
  const rest = thrownAway && !streamed ? `; the ${thrownAway} bytes of its stdout are thrown away` : '';
  const name = (!signal && settings.errors[code]) || 'Function.ExitError';
  return failure(name, `${main} ${how}${persistent ? ' before it had answered' : rest}`, await one.lastWords());
}

// Event in, answer out, both at the same time; `give` gets the answer piece by piece.
function perEventExchange(one, id, input, give, { resolve, reject }) {
  const { stdin, stdout } = one.child ?? {};
  let size = 0;
  const heard = (bytes) => {
    size += bytes.length;
    give(bytes);
  };
  const over = async () => {
    await one.drain(stdout);
    return settings.success.includes(one.gone.code) ? resolve() : reject(await ended(one, size));
  };
  one.client = { heard, silent: () => {}, over };
  stdin?.end(input);
  stdout?.resume();
}

function persistentExchange(one, id, input, give, { resolve, reject }) {
  const { stdin } = one.child ?? {};
  let [fed, complete] = [false, false];
  const broken = async (how) => reject(failure('Function.InvalidFrame', `${main} ${how}`, await one.lastWords()));
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
  const heard = async (bytes) => {
    const started = one.frames.place === 'answer';
    const how = one.frames.take(bytes, complete ? null : expected);
    if (how) return broken(how);
    if (!started && one.frames.place !== 'lines') await turn(); // the news that it was fed may be on its way
    if (!fed && one.frames.place !== 'lines') return broken('answered before it had taken the whole event');
    if (complete) {
      await turn(); // bytes that follow directly would show that the length was wrong
      if (!message) return resolve();
      reject(Object.assign(failure(type, Buffer.concat(message).toString()), { livesOn: true }));
    }
  };
  const silent = async () => {
    await sleep(one.gone ? 0 : LAST_WORDS_MS);
    if (!one.gone) {
      reject(failure('Function.NoResponse', `${main} closed its stdout before it had answered`, await one.lastWords()));
    }
  };
  const over = async () => {
    await one.drain(one.child?.stdout);
    return complete ? resolve() : reject(await ended(one));
  };
  one.frames.beginLine();
  one.client = { heard, silent, over };
  stdin?.write(Buffer.concat([Buffer.from(`${id} ${input.length}\n`), input]), () => (fed = true));
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
      const tooLate = () => reject(timedOut(one, new Date(deadline).toISOString(), context.awsRequestId));
      // A deadline that has passed already tells of a clock that is wrong rather than of a hurry.
      if (left > 0) timer = setTimeout(tooLate, Math.min(left - Math.min(GRACE_MS, left / 4), LONGEST_TIMER));
      const exchange = perEvent ? perEventExchange : persistentExchange;
      begun(reject);
      exchange(one, context.awsRequestId, input, (bytes) => take(bytes, reject), { resolve, reject });
      if (one.gone) one.client.over();
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
  return Object.assign(failure('Function.NoResponse', what, await one.lastWords()), { livesOn: persistent });
}

function keepWaiting(one) {
  one.client = one.rest;
  one.hold(false);
  one.child?.stdout?.resume(); // a slow reader of a stream may have stopped it
  if (!one.gone) waiting.push(one);
}

// ---- the handler ----

const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

const FULL_NUMBER = /(?:^|[[:,\s])(?:-0(?![.\d])|-?[\d.]{16}|-?[\d.]+[eE])/; // or what looks like one inside a string

// Numbers that a JavaScript number cannot hold keep the digits they were written with, where Node can do that.
function parsed(text) {
  if (!JSON.rawJSON || !FULL_NUMBER.test(text)) return JSON.parse(text);
  return JSON.parse(text, (_, value, { source }) =>
    typeof value === 'number' && String(value) !== source ? JSON.rawJSON(source) : value,
  );
}

// JSON as its value, anything else as text.
function valueOf(answer) {
  try {
    return parsed(strict.decode(answer));
  } catch (error) {
    if (error instanceof RangeError) throw failure('Function.ResponseTooDeep', `Node cannot read the answer: ${error.message}`);
    const text = answer.toString();
    if (Buffer.byteLength(JSON.stringify(text)) > ANSWER_LIMIT) throw tooLarge();
    return text;
  }
}

async function buffered(event, context) {
  const pieces = [];
  let size = 0;
  await run(event, context, (bytes, _, reject) => {
    size += bytes.length;
    if (size > ANSWER_LIMIT) reject(tooLarge());
    else pieces.push(bytes);
  });
  return valueOf(Buffer.concat(pieces));
}

// Status and headers go out with the first byte of the body, so that an error before it is an error of the function.
function withContentType(responseStream) {
  if (!settings.content_type) return responseStream;
  if (settings.content_type === PRELUDED) {
    responseStream.setContentType(PRELUDED);
    return responseStream;
  }
  return awslambda.HttpResponseStream.from(responseStream, { statusCode: 200, headers: { 'content-type': settings.content_type } });
}

async function stream(event, plainStream, context) {
  const responseStream = withContentType(plainStream);
  const give = (bytes, one) => {
    if (responseStream.write(bytes)) return;
    one.child.stdout.pause();
    responseStream.once('drain', () => one.child.stdout.resume());
  };
  await run(event, context, give, (reject) => {
    const gone = () => reject(failure('Function.ResponseAbandoned', 'nobody takes the streamed answer any more'));
    responseStream.once('close', gone).once('error', gone);
  });
  responseStream.end();
  if (typeof responseStream.finished === 'function') await responseStream.finished();
}

// A program that cannot be started is known before the first event. (Node would hand what is no program to a shell.)
function checkProgram() {
  const machines = { x64: 62, arm64: 183 };
  const head = Buffer.alloc(20);
  try {
    fs.accessSync(command[0], fs.constants.X_OK);
    const file = fs.openSync(program);
    fs.readSync(file, head, 0, head.length, 0);
    fs.closeSync(file);
  } catch (error) {
    throw notStarted(error);
  }
  const elf = head.readUInt32BE(0) === 0x7f454c46 && head.readUInt16LE(18) === machines[process.arch];
  if (!elf && head.toString('latin1', 0, 2) !== '#!') {
    throw notStarted(Object.assign(new Error('Exec format error'), { code: 'ENOEXEC' }));
  }
}

checkProgram();
if (settings.process === 'native') {
  // It speaks to the Runtime API itself, in our place.
  const { status, error } = spawnSync(command[0], command.slice(1), { cwd: root, env: environment, stdio: 'inherit' });
  if (error) throw notStarted(error);
  process.exit(status ?? 1);
}
prestart();
exports.handle = streamed ? awslambda.streamifyResponse(stream) : buffered;
