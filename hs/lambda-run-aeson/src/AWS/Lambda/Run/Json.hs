{-# LANGUAGE OverloadedStrings #-}

-- | Handlers in types of one's own:
--
-- > main :: IO ()
-- > main = runJson (\_context order -> accept order)
--
-- An event that does not decode is the error @Function.InvalidEvent@, with the JSON path of what is wrong; the handler is
-- not called.
module AWS.Lambda.Run.Json
  ( runJson
  , json
  , decoded
  ) where

import AWS.Lambda.Run (Context, Failure (..), run)
import Control.Exception (throwIO)
import Data.Aeson (FromJSON, ToJSON, eitherDecodeStrict', encode)
import Data.ByteString (ByteString)
import qualified Data.ByteString.Lazy as L
import qualified Data.Text as T
import qualified Data.Text.Encoding as T

-- | 'run' with a typed handler.
runJson :: (FromJSON event, ToJSON answer) => (Context -> event -> IO answer) -> IO ()
runJson = run . json

-- | A typed handler as one of bytes, for 'run' and 'AWS.Lambda.Run.runWith'. (@()@ is @[]@ in JSON; an answer of nothing is
-- aeson's 'Data.Aeson.Null'.)
json :: (FromJSON event, ToJSON answer) => (Context -> event -> IO answer) -> Context -> ByteString -> IO ByteString
json handler context event = do
  value <- decoded "the event" event
  L.toStrict . encode <$> handler context value

-- | The value that the JSON text stands for; a 'Failure' that names the text otherwise.
decoded :: FromJSON value => String -> ByteString -> IO value
decoded what text = either invalid pure (eitherDecodeStrict' text)
  where
    invalid why = throwIO (Failure "Function.InvalidEvent" (T.encodeUtf8 (T.pack (what ++ " does not decode: " ++ why))) [])
