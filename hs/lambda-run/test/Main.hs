{-# LANGUAGE OverloadedStrings #-}

-- | The suite runs itself as the program: with the argument @serve@ it is one main of 'Lambda.run'.
module Main (main) where

import qualified AWS.Lambda.Run as Lambda
import qualified AWS.Lambda.Run.Envelope as Envelope
import Control.Exception (ErrorCall (..), throwIO)
import Control.Monad (unless)
import Data.ByteString (ByteString)
import qualified Data.ByteString as B
import qualified Data.ByteString.Char8 as C
import Data.Maybe (fromJust)
import System.Environment (getArgs, getExecutablePath)
import System.Exit (ExitCode (..), exitFailure)
import System.IO
import System.Process

main :: IO ()
main = do
  arguments <- getArgs
  if arguments == ["serve"] then Lambda.run handler else tests

handler :: Lambda.Context -> ByteString -> IO ByteString
handler context event = case event of
  "throw" -> throwIO (ErrorCall "no \"way\" λ")
  "lazy" -> pure (B.concat ["never ", error "too late"])
  "print" -> "\"quiet\"" <$ putStrLn "a print of the handler"
  "read" -> C.pack . show <$> isEOF
  "id" -> pure (Lambda.requestId context)
  "trace" -> pure (maybe "none" id (Lambda.traceId context))
  _ -> pure event

-- | Exit code, stdout and stderr of the program in this environment, with this stdin.
program :: [(String, String)] -> ByteString -> IO (ExitCode, ByteString, ByteString)
program variables input = do
  self <- getExecutablePath
  let wanted = (proc self ["serve"]) {env = Just (("LC_ALL", "C.UTF-8") : variables), std_in = CreatePipe, std_out = CreatePipe, std_err = CreatePipe}
  (Just to, Just from, Just errors, process) <- createProcess wanted
  B.hPut to input >> hClose to
  answer <- B.hGetContents from
  complaint <- B.hGetContents errors
  code <- waitForProcess process
  pure (code, answer, complaint)

persistent, envelope :: [(String, String)]
persistent = [("LAMBDA_SHIM_PROCESS", "persistent"), ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")]
envelope = [("LAMBDA_SHIM_INPUT", "envelope")]

frame :: ByteString -> ByteString -> ByteString
frame name body = B.concat [name, " ", C.pack (show (B.length body)), "\n", body]

tests :: IO ()
tests = do
  results <-
    sequence
      [ "a shell gets the answer" `gives` (ExitSuccess, "{\"a\": 1}\n", "") $ program [] "{\"a\": 1}\n",
        "an exception is an exit code, its trace beside it"
          `holds` (\(code, out, errors) -> (code, out, take 1 (C.lines errors)) == (ExitFailure 1, "", ["ErrorCall: no \"way\" \206\187"]))
          $ program [] "throw",
        "an exception in the answer is found before it is sent" `holds` (\(code, out, _) -> (code, out) == (ExitFailure 1, "")) $ program [] "lazy",
        "prints of the handler are log" `gives` (ExitSuccess, "\"quiet\"", "a print of the handler\n") $ program [] "print",
        "a shim that drives per event is no Runtime API" `gives` (ExitSuccess, "x", "") $
          program [("LAMBDA_SHIM_PROCESS", "per-event"), ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")] "x",
        "the context of one event comes from the environment" `gives` (ExitSuccess, "r1", "") $
          program [("LAMBDA_RUNTIME_AWS_REQUEST_ID", "r1")] "id",
        "frames are answered one after the other" `gives` (ExitSuccess, frame "1" "one" <> frame "2" "" <> frame "3" "3", "") $
          program persistent (frame "1" "one" <> frame "2" "" <> frame "3" "id"),
        "a large frame comes whole" `gives` (ExitSuccess, frame "1" large, "") $ program persistent (frame "1" large),
        "an exception is an error frame, and the program lives on"
          `gives` (ExitSuccess, "1 error 11 ErrorCall\nno \"way\" \206\187" <> frame "2" "x", "")
          $ program persistent (frame "1" "throw" <> frame "2" "x"),
        "prints of the handler do not break the frames" `gives` (ExitSuccess, frame "1" "\"quiet\"", "a print of the handler\n") $
          program persistent (frame "1" "print"),
        "a handler that reads stdin does not take the next event" `gives` (ExitSuccess, frame "1" "True" <> frame "2" "x", "") $
          program persistent (frame "1" "read" <> frame "2" "x"),
        "no frame at all ends the program" `holds` (\(code, out, _) -> (code, out) == (ExitFailure 1, "")) $ program persistent "hello\n",
        "an envelope is opened" `gives` (ExitSuccess, "{\"text\": \"}\\\"]\"}", "") $ program envelope enveloped,
        "an envelope brings the context" `gives` (ExitSuccess, frame "1" "Root=\"1\"", "") $
          program (persistent ++ envelope) (frame "1" "{\"event\":trace,\"context\":{\"traceId\":\"Root=\\\"1\\u0022\"}}"),
        "a surrogate pair is one character, and half of one is none"
          `gives` [("\240\159\152\128", "1"), ("\239\191\189x", "2")]
          $ pure (fromJust (Envelope.members "{\"\\ud83d\\ude00\":1,\"\\ud83dx\":2}")),
        "the context of the environment is bytes" `gives` (ExitSuccess, "\206\187", "") $
          program [("LAMBDA_RUNTIME_AWS_REQUEST_ID", "\955")] "id",
        "members keep their values as they stand"
          `gives` [("a", "[1, {\"b\": \"]\"}]"), ("\206\187\"", "null"), ("c", "-1.5e3")]
          $ pure (fromJust (Envelope.members " {\"a\" : [1, {\"b\": \"]\"}] ,\"\\u03bb\\\"\":null,\"c\":-1.5e3 }"))
      ]
  unless (and results) exitFailure
  where
    large = C.replicate 3000000 'x'
    enveloped = "{\"event\":{\"text\": \"}\\\"]\"},\"context\":{\"awsRequestId\":\"r\",\"deadlineMs\":1,\"clientContext\":{\"event\":2}}}"

gives :: (Eq a, Show a) => String -> a -> IO a -> IO Bool
gives name wanted action = do
  got <- action
  if got == wanted then pure True else False <$ putStrLn (name ++ "\n  wanted " ++ short wanted ++ "\n  got    " ++ short got)
  where
    short value = take 400 (show value)

holds :: Show a => String -> (a -> Bool) -> IO a -> IO Bool
holds name true action = do
  got <- action
  if true got then pure True else False <$ putStrLn (name ++ "\n  got " ++ take 400 (show got))
