{-# LANGUAGE OverloadedStrings #-}

-- | Handlers in types of one's own:
--
-- > import AWS.Lambda.Run.Json (runJson)
-- >
-- > main :: IO ()
-- > main = runJson (\_context order -> accept order)
--
-- An event that does not decode is the error @Function.InvalidEvent@, with the JSON path of what is wrong; the handler is
-- not called.
module AWS.Lambda.Run.Json
  ( runJson,
    runJsonWith,
    json,
    decoded,
  )
where

import AWS.Lambda.Run (Context, Failure (..), run, runWith)
import Control.Exception (throwIO)
import Control.Monad.IO.Class (MonadIO (..))
import Data.Aeson (FromJSON, ToJSON, eitherDecodeStrict', encode)
import Data.ByteString (ByteString)
import qualified Data.ByteString.Lazy as L
import qualified Data.Text as T
import qualified Data.Text.Encoding as T

-- | 'run' with a typed handler.
runJson :: (FromJSON event, ToJSON answer) => (Context -> event -> IO answer) -> IO ()
runJson = run . json

-- | 'runWith' with a typed handler: the first argument is made once, and its failure is an init error.
runJsonWith :: (FromJSON event, ToJSON answer) => IO env -> (env -> Context -> event -> IO answer) -> IO ()
runJsonWith begin handler = runWith begin (json . handler)

-- | A typed handler as one of bytes, in any monad over IO:
--
-- > main = runWith openPool (\pool context event -> runReaderT (json handler context event) pool)
--
-- (@()@ is @[]@ in JSON; an answer of nothing is aeson's 'Data.Aeson.Null'. A 'Double' that is no number is @null@.)
json :: (FromJSON event, ToJSON answer, MonadIO m) => (Context -> event -> m answer) -> Context -> ByteString -> m ByteString
json handler context event = do
  value <- liftIO (decoded "the event" event)
  L.toStrict . encode <$> handler context value

-- | The value that the JSON text stands for; throws a 'Failure' that names the text otherwise.
decoded :: FromJSON value => String -> ByteString -> IO value
decoded what text = either invalid pure (eitherDecodeStrict' text)
  where
    invalid why = throwIO (Failure "Function.InvalidEvent" (T.encodeUtf8 (T.pack (what ++ " does not decode: " ++ why))) [])
