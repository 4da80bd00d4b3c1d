{-# LANGUAGE OverloadedStrings #-}
{-# OPTIONS_GHC -Wno-deprecations #-}

-- | Uses whatever lambda-run and lambda-run-aeson export. Its argument says by which door events come in; by the widest one
-- they say themselves what is asked of them: @{"door": …, "event": …}@.
module Main (main) where

import qualified AWS.Lambda.Run as Run
import qualified AWS.Lambda.Run.Answer as Answer
import qualified AWS.Lambda.Run.Base64 as Base64
import qualified AWS.Lambda.Run.DynamoDB as DynamoDB
import qualified AWS.Lambda.Run.Envelope as Envelope
import qualified AWS.Lambda.Run.Error as Error
import qualified AWS.Lambda.Run.EventBridge as EventBridge
import qualified AWS.Lambda.Run.HttpEvent as Http
import qualified AWS.Lambda.Run.Json as Json
import qualified AWS.Lambda.Run.Kinesis as Kinesis
import qualified AWS.Lambda.Run.Log as Log
import qualified AWS.Lambda.Run.S3 as S3
import qualified AWS.Lambda.Run.SNS as SNS
import qualified AWS.Lambda.Run.SQS as SQS
import qualified AWS.Lambda.Run.Window as Window
import Control.Exception (ErrorCall (..), throwIO, toException)
import Data.Aeson (ToJSON, Value, encode, object, (.=))
import Data.ByteString (ByteString)
import qualified Data.ByteString.Char8 as C
import qualified Data.ByteString.Lazy as L
import Data.Text (Text)
import qualified Data.Text.Encoding as T
import qualified Lambda
import System.Environment (getArgs)

main :: IO ()
main = getArgs >>= \arguments -> case arguments of
  ["run"] -> Run.run (\context _ -> pure (written (about context)))
  ["runWith"] -> Run.runWith (pure 2) (\made _ event -> pure (C.concat (replicate made event)))
  ["runJson"] -> Json.runJson (\_ event -> pure (event + 1 :: Int))
  ["runJsonWith"] -> Json.runJsonWith (pure 40) (\made _ event -> pure (made + event :: Int))
  ["runHttp"] -> Http.runHttp page
  ["runBatch"] -> SQS.runBatch message
  ["runRecords"] -> Kinesis.runRecords record
  ["runChanges"] -> DynamoDB.runChanges change
  ["runWindow"] -> Window.runWindow window
  ["Lambda.run"] -> Lambda.run (\_ event -> pure event)
  _ -> Run.runAnswers (pure ()) (const asked)

-- | What an event asks for, of the core and of the types.
asked :: Run.Context -> ByteString -> IO Run.Answer
asked context text = case (lookup "door" fields, maybe "" id (lookup "event" fields)) of
  (Just "\"whole\"", event) -> pure (Run.Whole event)
  (Just "\"stream\"", _) -> pure (Run.Streamed Run.Bytes (\write -> write "[1," >> write "2]"))
  (Just "\"page\"", _) -> pure (Run.Streamed (Run.page 201 "text/html") ($ "7"))
  (Just "\"heads\"", _) -> told (map (utf8 . C.filter (/= '\0') . Answer.prelude . kept) [Answer.Bytes, Answer.page 200 "a/b", found, mine])
  (Just "\"throw\"", _) -> throwIO (Run.Failure {Run.errorName = "Thrown", Run.errorMessage = "by hand", Run.errorTrace = ["here"]})
  (Just "\"fail\"", _) -> Run.failWith "Failed" "by name"
  (Just "\"fail too\"", _) -> Error.failWith "FailedToo" "by name"
  (Just "\"errors\"", _) -> do
    Error.Failure {Error.errorName = name, Error.errorMessage = why, Error.errorTrace = trace} <- Error.failureOf (toException (ErrorCall "odd"))
    told (map utf8 (name : why : Error.headerName name : trace))
  (Just "\"log\"", _) -> do
    mapM_ (\say -> say context "said") [Log.logDebug, Log.logInfo, Log.logWarn, Log.logError]
    mapM_ (\level -> Log.logAt level context [("n", "1")] "told") ([Log.Trace, Log.Debug, Log.Info, Log.Warn, Log.Error, Log.Fatal] :: [Log.Level])
    Log.logFailure context (Error.Failure "Logged" "as a failure" [])
    told (show (minBound :: Log.Level))
  (Just "\"base64\"", _) -> told [utf8 <$> Base64.decode (Base64.encode "gr\195\188n"), utf8 <$> Base64.decode "!"]
  (Just "\"envelope\"", event) -> do
    let (opened, inner) = Envelope.open context event
    told (about opened, utf8 inner)
  (Just "\"time\"", _) -> maybe False (> 0) <$> Run.remainingMs context >>= told
  (Just "\"http\"", event) -> Run.Whole <$> Http.http page context event
  (Just "\"sqs\"", event) -> Run.Whole <$> SQS.batch message context event
  (Just "\"kinesis\"", event) -> Run.Whole <$> Kinesis.records record context event
  (Just "\"dynamodb\"", event) -> Run.Whole <$> DynamoDB.changes change context event
  (Just "\"window\"", event) -> Run.Whole <$> Window.windowed window context event
  (Just "\"all of sqs\"", event) -> Json.decoded "the batch" event >>= \(SQS.Messages {SQS.messages = each}) -> told (map messageFields each)
  (Just "\"all of kinesis\"", event) -> Json.decoded "the batch" event >>= \(Kinesis.Records each) -> told (map recordFields each)
  (Just "\"all of dynamodb\"", event) -> Json.decoded "the batch" event >>= \(DynamoDB.Changes each) -> told (map changeFields each)
  (Just "\"sns\"", event) -> Json.decoded "the event" event >>= \(SNS.Notifications {SNS.notifications = each}) -> told (map noteFields each)
  (Just "\"s3\"", event) -> Json.decoded "the event" event >>= \(S3.Notifications {S3.notifications = each}) -> told (map objectFields each)
  (Just "\"eventbridge\"", event) -> Run.Whole <$> Json.json (\_ happening -> pure (happeningFields happening)) context event
  _ -> Run.failWith "NoSuchDoor" text
  where
    fields = maybe [] id (Envelope.members text)
    found = Run.Http {Run.statusCode = 302, Run.headers = [("location", "/")], Run.cookies = []} :: Run.Head
    mine = Answer.Http {Answer.statusCode = 404, Answer.headers = [("x", "1"), ("x", "2")], Answer.cookies = ["c=1"]} :: Answer.Head
    kept start = foldr const start [same | Answer.Streamed same _ <- [Answer.Whole "", Answer.Streamed start (const (pure ()))] :: [Answer.Answer]]

told :: ToJSON value => value -> IO Run.Answer
told = pure . Answer.Whole . written

written :: ToJSON value => value -> ByteString
written = L.toStrict . encode

utf8 :: ByteString -> Text
utf8 = T.decodeUtf8

refused :: Bool -> IO ()
refused bad = if bad then failed (Run.Failure "Refused" "not this one" []) else pure ()
  where
    failed = throwIO :: Run.Failure -> IO ()

about :: Run.Context -> Value
about Run.Context {Run.requestId = a, Run.deadlineMs = b, Run.invokedFunctionArn = c, Run.traceId = d, Run.clientContext = e, Run.identity = f, Run.tenantId = g, Run.functionName = h, Run.functionVersion = i, Run.memoryLimitMb = j} =
  object ["id" .= utf8 a, "timed" .= (b > Just 0), "texts" .= map (fmap utf8) [c, d, e, f, g, h, i], "memory" .= j]

-- | Tells a request whole, but for its event.
page :: Run.Context -> Http.Request -> IO Http.Response
page _ request@Http.Request {Http.method = a, Http.path = b, Http.query = c, Http.headers = d, Http.cookies = e, Http.pathParameters = f, Http.stageVariables = g, Http.sourceIp = h, Http.body = i, Http.isBase64Encoded = j, Http.origin = k, Http.raw = l}
  | b == "/text" = pure (Http.text 200 "plain")
  | b == "/bytes" = pure (Http.bytes 200 "a/b" "\255")
  | otherwise = pure Http.Response {Http.status = 201, Http.responseHeaders = [("x", "1")], Http.setCookies = ["c=1"], Http.content = written shown}
  where
    shown = object ["asked" .= [a, b], "pairs" .= [c, d], "cookies" .= e, "maps" .= [f, g], "perhaps" .= [h, i, Http.header "X-one" request, utf8 <$> Http.bodyBytes request], "encoded" .= j, "from" .= sender k, "whole" .= (l == Http.raw request)]
    sender :: Http.Origin -> Text
    sender Http.RestApi = "a REST API"
    sender Http.HttpApi = "an HTTP API"
    sender (Http.LoadBalancer many) = if many then "a balancer with many" else "a balancer"

message :: Run.Context -> SQS.Message -> Value -> IO ()
message _ one value = refused (written value == T.encodeUtf8 (SQS.body one))

messageFields :: SQS.Message -> Value
messageFields SQS.Message {SQS.messageId = a, SQS.body = b, SQS.receiptHandle = c, SQS.attributes = d, SQS.messageAttributes = e, SQS.eventSourceARN = f} =
  object ["texts" .= [a, b], "perhaps" .= [c, f], "attributes" .= d, "own" .= fmap own e]
  where
    own SQS.MessageAttribute {SQS.dataType = kind, SQS.stringValue = string, SQS.binaryValue = binary} = [kind, string, binary]

record :: Run.Context -> Kinesis.Record -> IO ()
record _ = refused . (== "bad") . Kinesis.payload

recordFields :: Kinesis.Record -> Value
recordFields Kinesis.Record {Kinesis.payload = a, Kinesis.partitionKey = b, Kinesis.sequenceNumber = c, Kinesis.arrivedAt = d, Kinesis.eventID = e, Kinesis.eventSourceARN = f} =
  object ["payload" .= utf8 a, "number" .= c, "perhaps" .= [b, e, f], "time" .= d]

-- | Its state is what it was told.
window :: Run.Context -> Window.Window Value -> Kinesis.Records -> IO Value
window _ Window.Window {Window.start = a, Window.end = b, Window.state = c, Window.shardId = d, Window.eventSourceARN = e, Window.isFinal = f, Window.isTerminatedEarly = g} (Kinesis.Records each) =
  pure (object ["times" .= [a, b], "before" .= c, "perhaps" .= [d, e], "is" .= [f, g], "payloads" .= map (utf8 . Kinesis.payload) each])

change :: Run.Context -> DynamoDB.Change -> IO ()
change _ = refused . DynamoDB.byService

changeFields :: DynamoDB.Change -> Value
changeFields DynamoDB.Change {DynamoDB.eventName = a, DynamoDB.keys = b, DynamoDB.newImage = c, DynamoDB.oldImage = d, DynamoDB.sequenceNumber = e, DynamoDB.createdAt = f, DynamoDB.streamViewType = g, DynamoDB.eventID = h, DynamoDB.eventSourceARN = i, DynamoDB.byService = j} =
  object ["texts" .= [a, e], "keys" .= fmap kind b, "images" .= map (fmap (fmap kind)) [c, d], "time" .= f, "perhaps" .= [g, h, i], "by service" .= j]
  where
    kind :: DynamoDB.Attribute -> Text
    kind attribute = case attribute of
      DynamoDB.S text -> "S " <> text
      DynamoDB.N digits -> "N " <> digits
      DynamoDB.B bytes -> "B " <> utf8 bytes
      DynamoDB.BOOL yes -> if yes then "yes" else "no"
      DynamoDB.NULL -> "null"
      DynamoDB.SS each -> "SS " <> mconcat each
      DynamoDB.NS each -> "NS " <> mconcat each
      DynamoDB.BS each -> "BS " <> utf8 (C.concat each)
      DynamoDB.L each -> "L " <> mconcat (map kind each)
      DynamoDB.M each -> "M " <> mconcat (map kind (foldr (:) [] each))
      DynamoDB.Other value -> "other " <> utf8 (written value)

noteFields :: SNS.Notification -> Value
noteFields SNS.Notification {SNS.message = a, SNS.subject = b, SNS.topicArn = c, SNS.messageId = d, SNS.timestamp = e, SNS.messageAttributes = f} =
  object ["message" .= a, "perhaps" .= [b, c, d], "time" .= e, "attributes" .= fmap own f]
  where
    own SNS.NotificationAttribute {SNS.kind = kind, SNS.value = value} = [kind, value]

objectFields :: S3.Notification -> Value
objectFields one@S3.Notification {S3.eventName = a, S3.eventTime = b, S3.awsRegion = c, S3.bucket = d, S3.key = e, S3.rawKey = f, S3.size = g, S3.eTag = h, S3.versionId = i, S3.sequencer = j} =
  object ["texts" .= [a, d, e, f, S3.decodedKey f], "time" .= b, "size" .= g, "perhaps" .= [c, h, i, j], "is" .= [S3.isCreated one, S3.isRemoved one]]

happeningFields :: EventBridge.Event Value -> Value
happeningFields EventBridge.Event {EventBridge.source = a, EventBridge.detailType = b, EventBridge.detail = c, EventBridge.eventId = d, EventBridge.account = e, EventBridge.region = f, EventBridge.time = g, EventBridge.resources = h, EventBridge.replayName = i} =
  object ["texts" .= [a, b], "detail" .= c, "perhaps" .= [d, e, f, i], "time" .= g, "resources" .= h]
