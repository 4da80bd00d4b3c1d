// What Lambda's runtime calls, for a program that knows stdin and stdout.

// ---- the handler ----

// JSON as its value, anything else as text.
function valueOf(answer) {
  try {
    return parseText(strictText(answer));
  } catch (error) {
    if (error instanceof RangeError) throw failure('Function.ResponseTooDeep', `Node cannot read the answer: ${error.message}`);
    const text = answer.toString();
    if (Buffer.byteLength(JSON.stringify(text)) > ANSWER_LIMIT) throw tooLarge();
    return text;
  }
}

async function answerWhole(event, context) {
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
