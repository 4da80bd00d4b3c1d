{-# LANGUAGE OverloadedStrings #-}

-- | What the batches of Kinesis and DynamoDB streams share. The order of a shard is kept: behind the first failure no record
-- is begun, and Lambda goes on at that one. For that the event source mapping needs
-- @FunctionResponseTypes = ReportBatchItemFailures@.
--
-- Source: AWS's guide, "Configuring partial batch response with Kinesis Data Streams and Lambda".
module AWS.Lambda.Run.Stream (Binary (..), inOrder, time) where

import AWS.Lambda.Run (Context)
import qualified AWS.Lambda.Run.Base64 as Base64
import AWS.Lambda.Run.Batch
import Data.Aeson (FromJSON (..), withText)
import Data.ByteString (ByteString)
import Data.Text (Text)
import qualified Data.Text.Encoding as T
import Data.Time.Clock (UTCTime)
import Data.Time.Clock.POSIX (posixSecondsToUTCTime)

-- | Each record, by its sequence number, until one fails or the time is nearly up.
inOrder :: (record -> Text) -> (Context -> record -> IO ()) -> Context -> [record] -> IO Unprocessed
inOrder number handler context = go
  where
    go [] = pure (Unprocessed [])
    go (one : later) = do
      timely <- hasTime context
      good <- if timely then done context [("sequenceNumber", T.encodeUtf8 (number one))] (handler context one) else pure False
      if good then go later else pure (Unprocessed [number one])

-- | Bytes, in base64 where they come from.
newtype Binary = Binary {decodedBytes :: ByteString}

instance FromJSON Binary where
  parseJSON = withText "base64" (maybe (fail "this is no base64") (pure . Binary) . Base64.decode . T.encodeUtf8)

-- | Seconds since 1970 as AWS writes them: some services mean milliseconds or microseconds by the same name. 'Nothing' for
-- what is no time.
time :: Double -> Maybe UTCTime
time value
  | value < 0 || value > 1e17 = Nothing
  | value > 1e14 = time (value / 1e6)
  | value > 1e11 = time (value / 1e3)
  | otherwise = Just (posixSecondsToUTCTime (fromIntegral (round (value * 1e6) :: Integer) / 1e6))
