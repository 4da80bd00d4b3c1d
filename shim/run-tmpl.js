// The shim of Node runtimes: one process of $$main$$ for each event; see README.md.
"use strict";

const { spawn } = require("node:child_process");
const path = require("node:path");

const MAIN = "$$main$$";
const ENVELOPE = "$$input$$" === "envelope";
const GRACE_MS = 300; // what an answer needs to arrive before Lambda's own kill
const TAIL_BYTES = 4096;
const ROOT = process.env.LAMBDA_TASK_ROOT || __dirname;

exports.handle = (event, context) =>
  new Promise((resolve, reject) => {
    const child = spawn(path.join(ROOT, MAIN), [], { cwd: ROOT, env: environment(), detached: true });
    const output = [];
    let tail = Buffer.alloc(0);
    let overdue = false;
    const timer = setTimeout(() => {
      overdue = true;
      end(child);
    }, Math.max(context.getRemainingTimeInMillis() - GRACE_MS, 1));
    child.on("error", (error) => {
      clearTimeout(timer);
      reject(failure("Runtime.InvalidEntrypoint", `${MAIN} cannot be started: ${error.message}`));
    });
    child.stdin.on("error", () => {}); // a program need not read its event
    child.stdin.end(`${JSON.stringify(ENVELOPE ? { event, context: described(context) } : event)}\n`);
    child.stdout.on("data", (chunk) => output.push(chunk));
    child.stderr.on("data", (chunk) => {
      process.stderr.write(chunk);
      tail = Buffer.concat([tail, chunk]).subarray(-TAIL_BYTES);
    });
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      const answer = Buffer.concat(output).toString().trim();
      if (overdue) return reject(failure("Function.Timeout", `${MAIN} did not answer before its deadline`));
      if (code !== 0) {
        const how = signal ? `was ended by ${signal}` : `exited with ${code}`;
        return reject(failure("Function.ExitError", `${MAIN} ${how}\n${tail}`.trim()));
      }
      if (answer === "") return reject(failure("Function.NoResponse", `${MAIN} printed no answer`));
      return resolve(parsed(answer));
    });
  });

function environment() {
  const libraries = [path.join(ROOT, "lib"), process.env.LD_LIBRARY_PATH].filter(Boolean).join(":");
  return { ...process.env, LD_LIBRARY_PATH: libraries, LC_ALL: process.env.LC_ALL || "C.UTF-8" };
}

function described(context) {
  return {
    awsRequestId: context.awsRequestId,
    functionName: context.functionName,
    functionVersion: context.functionVersion,
    invokedFunctionArn: context.invokedFunctionArn,
    memoryLimitInMB: context.memoryLimitInMB,
    deadlineMs: Date.now() + context.getRemainingTimeInMillis(),
    traceId: process.env._X_AMZN_TRACE_ID,
    clientContext: context.clientContext,
    identity: context.identity,
  };
}

function parsed(answer) {
  try {
    return JSON.parse(answer);
  } catch {
    return answer;
  }
}

function failure(name, message) {
  return Object.assign(new Error(message), { name });
}

function end(child) {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    child.kill("SIGKILL");
  }
}
