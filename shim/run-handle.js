// What Lambda's runtime calls, for a program that knows stdin and stdout.

// ---- the handler ----

const DEEP = 4096; // brackets in each other: Node can write fewer

// Whether the text can be nested so deep: so many brackets of one kind then stand side by side, but in a text made to hide it.
function mayBeDeep(text) {
  for (let at = DEEP / 2; at < text.length; at += DEEP / 2) {
    if ('[]{}'.includes(text[at]) && text.slice(at - 8, at) === text[at].repeat(8)) return true;
  }
  return false;
}

// JSON as its value, anything else as text.
function valueOf(text, isText) {
  try {
    if (!isText) throw new TypeError('not UTF-8');
    const value = parseText(text);
    if (mayBeDeep(text)) JSON.stringify(value); // Node reads what it cannot write
    return value;
  } catch (error) {
    if (error instanceof RangeError)
      throw failure('Function.ResponseTooDeep', `Node cannot pass the answer on: ${error.message}`);
    if (Buffer.byteLength(JSON.stringify(text)) > ANSWER_LIMIT) throw tooLarge();
    return text;
  }
}

async function answerWhole(event, context) {
  const decoder = new StringDecoder();
  const pieces = [];
  let text = ''; // decoded while the program still writes
  let size = 0;
  await run(event, context, (bytes, _, reject) => {
    size += bytes.length;
    if (size > ANSWER_LIMIT) return reject(tooLarge());
    pieces.push(bytes);
    text += decoder.write(bytes);
  });
  text += decoder.end();
  return valueOf(text, !text.includes('\ufffd') || isUtf8(Buffer.concat(pieces))); // what is no UTF-8 is decoded as U+FFFD
}

// Status and headers go out with the first byte of the body, so that an error before it is an error of the function.
function withContentType(responseStream) {
  if (!settings.content_type) return responseStream;
  if (settings.content_type === PRELUDED) {
    responseStream.setContentType(PRELUDED);
    return responseStream;
  }
  return awslambda.HttpResponseStream.from(responseStream, {
    statusCode: 200,
    headers: { 'content-type': settings.content_type },
  });
}

async function stream(event, plainStream, context) {
  const responseStream = withContentType(plainStream);
  const give = (bytes, one) => {
    if (responseStream.write(bytes)) return;
    one.child.stdout.pause();
    responseStream.once('drain', () => one.child.stdout.resume());
  };
  await run(event, context, give, (reject) => {
    const onAbandon = () => reject(failure('Function.ResponseAbandoned', 'nobody takes the streamed answer any more'));
    responseStream.once('close', onAbandon).once('error', onAbandon);
  });
  responseStream.end();
  if (typeof responseStream.finished === 'function') await responseStream.finished();
}

if (settings.process === 'native') {
  // It speaks to the Runtime API itself, in our place.
  const { status, error } = spawnSync(command[0], command.slice(1), { cwd: root, env: environment, stdio: 'inherit' });
  if (error) throw startFailure(error);
  process.exit(status ?? 1);
}
prestart();
exports.handle = streamed ? awslambda.streamifyResponse(stream) : answerWhole;
