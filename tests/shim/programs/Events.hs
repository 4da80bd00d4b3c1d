{-# LANGUAGE OverloadedStrings #-}

-- | Decodes an event as what its first argument says, and tells what it found.
module Main (main) where

import AWS.Lambda.Run (run)
import qualified AWS.Lambda.Run.DynamoDB as DynamoDB
import qualified AWS.Lambda.Run.EventBridge as EventBridge
import qualified AWS.Lambda.Run.HttpEvent as Http
import AWS.Lambda.Run.Json (json)
import qualified AWS.Lambda.Run.Kinesis as Kinesis
import qualified AWS.Lambda.Run.S3 as S3
import qualified AWS.Lambda.Run.SNS as SNS
import qualified AWS.Lambda.Run.SQS as SQS
import Data.Aeson (Value, object, (.=))
import qualified Data.Text as T
import qualified Data.Text.Encoding as T
import System.Environment (getArgs)

main :: IO ()
main = getArgs >>= \arguments -> case arguments of
  ["http"] -> run . json $ \_ r ->
    pure (object ["method" .= Http.method r, "path" .= Http.path r, "query" .= Http.query r, "headers" .= Http.headers r, "cookies" .= Http.cookies r, "ip" .= Http.sourceIp r, "body" .= fmap latin (Http.bodyBytes r), "origin" .= show (Http.origin r), "type" .= Http.header "CONTENT-type" r, "parameters" .= Http.pathParameters r])
  ["page"] -> Http.runHttp $ \_ r ->
    pure (Http.Response 201 [("x", "1"), ("X", "2"), ("content-type", "a/b"), ("Set-Cookie", "d=2")] ["c=1"] (if Http.path r == "/binary" then "\255\0" else "gr\195\188n"))
  ["sqs"] -> run . json $ \_ (SQS.Messages all') ->
    pure [object ["id" .= SQS.messageId m, "body" .= SQS.body m, "attributes" .= SQS.attributes m, "own" .= fmap shown (SQS.messageAttributes m)] | m <- all']
  ["sns"] -> run . json $ \_ (SNS.Notifications all') -> pure (map sns all')
  ["sns in sqs"] -> SQS.runBatch (\_ _ n -> if SNS.message n == "boom" then fail "boom" else pure ())
  ["s3"] -> run . json $ \_ (S3.Notifications all') ->
    pure [object ["name" .= S3.eventName n, "bucket" .= S3.bucket n, "key" .= S3.key n, "raw" .= S3.rawKey n, "size" .= S3.size n, "time" .= S3.eventTime n, "created" .= S3.isCreated n, "removed" .= S3.isRemoved n] | n <- all']
  ["eventbridge"] -> run . json $ \_ e ->
    pure (object ["source" .= EventBridge.source e, "type" .= EventBridge.detailType e, "detail" .= (EventBridge.detail e :: Value), "time" .= EventBridge.time e, "resources" .= EventBridge.resources e])
  ["dynamodb"] -> run . json $ \_ (DynamoDB.Changes all') ->
    pure [object ["name" .= DynamoDB.eventName c, "keys" .= fmap show (DynamoDB.keys c), "new" .= fmap (fmap show) (DynamoDB.newImage c), "number" .= DynamoDB.sequenceNumber c, "time" .= DynamoDB.createdAt c] | c <- all']
  ["kinesis"] -> run . json $ \_ (Kinesis.Records all') ->
    pure [object ["payload" .= latin (Kinesis.payload r), "key" .= Kinesis.partitionKey r, "number" .= Kinesis.sequenceNumber r, "time" .= Kinesis.arrivedAt r] | r <- all']
  ["kinesis in order"] -> Kinesis.runRecords (\_ r -> if Kinesis.payload r == "bad" then fail "bad" else putStrLn ("did " ++ T.unpack (Kinesis.sequenceNumber r)))
  _ -> fail "no such event"
  where
    latin = T.decodeLatin1
    shown a = (SQS.dataType a, SQS.stringValue a, SQS.binaryValue a)
    sns n = object ["message" .= SNS.message n, "subject" .= SNS.subject n, "topic" .= SNS.topicArn n, "time" .= SNS.timestamp n, "attributes" .= fmap (\a -> (SNS.kind a, SNS.value a)) (SNS.messageAttributes n)]
