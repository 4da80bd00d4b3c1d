{-# LANGUAGE OverloadedStrings #-}

-- | The log: a line for each message, in one write, so that the lines of several threads never mix.
--
-- Where Lambda asks for JSON (@log_format = "JSON"@ in lambda.toml) a line is a record with @timestamp@, @level@,
-- @requestId@, @message@ and the fields; else it is text. What is below @AWS_LAMBDA_LOG_LEVEL@ is left out.
-- What is printed otherwise becomes a record under a shim, and stays a plain line with @process = "native"@.
module AWS.Lambda.Run.Log
  ( Level (..),
    logDebug,
    logInfo,
    logWarn,
    logError,
    logAt,
    logFailure,
  )
where

import AWS.Lambda.Run.Context (Context (..), date, nowMs)
import AWS.Lambda.Run.Error (Failure (..))
import AWS.Lambda.Run.Quote (quote)
import Control.Exception (IOException, catch)
import Control.Monad (when)
import Data.ByteString (ByteString)
import qualified Data.ByteString as B
import qualified Data.ByteString.Builder as Builder
import qualified Data.ByteString.Char8 as C
import qualified Data.ByteString.Lazy as L
import Data.Char (toUpper)
import Data.List (find, intersperse)
import Data.Maybe (fromMaybe)
import System.Environment (lookupEnv)
import System.IO (stderr)
import System.IO.Unsafe (unsafePerformIO)

-- | Lambda's own levels.
data Level = Trace | Debug | Info | Warn | Error | Fatal
  deriving (Bounded, Enum, Eq, Ord, Show)

-- | For whoever looks for a fault.
logDebug :: Context -> ByteString -> IO ()
logDebug context = logAt Debug context []

-- | What happened.
logInfo :: Context -> ByteString -> IO ()
logInfo context = logAt Info context []

-- | What somebody should know of.
logWarn :: Context -> ByteString -> IO ()
logWarn context = logAt Warn context []

-- | What went wrong.
logError :: Context -> ByteString -> IO ()
logError context = logAt Error context []

-- | A message in UTF-8 with fields beside it: members of the record, or @name=value@ in text. One that is called like a
-- member of each record (@timestamp@, @level@, @requestId@, @message@) gets an underscore behind its name there. Never throws: a
-- log that nobody takes is lost.
logAt :: Level -> Context -> [(ByteString, ByteString)] -> ByteString -> IO ()
logAt level context fields = line level context [(own name, quote value) | (name, value) <- fields] text
  where
    own name = if name `elem` ["timestamp", "level", "requestId", "message"] then name <> "_" else name
    text message = C.unwords ([upper level] ++ [name <> "=" <> value | (name, value) <- fields] ++ [message])

-- | An event that failed: one line, with the name of the error and the call stack, of which text has the innermost places.
logFailure :: Context -> Failure -> IO ()
logFailure context failure = line Error context fields (\message -> B.concat ["lambda-run: ", errorName failure, ": ", message, places]) (errorMessage failure)
  where
    places = B.concat ["; " <> place | place <- take 3 (errorTrace failure)]
    fields = ("errorType", quote (errorName failure)) : [("stackTrace", list (map quote (errorTrace failure))) | not (null (errorTrace failure))]
    list items = "[" <> mconcat (intersperse "," items) <> "]"

line :: Level -> Context -> [(ByteString, Builder.Builder)] -> (ByteString -> ByteString) -> ByteString -> IO ()
line level context fields text message = when (level >= least) $ do
  time <- nowMs >>= date
  B.hPut stderr (if inJson then strict (record time) else C.map oneLine (text message) <> "\n") `catch` ignore
  where
    record time =
      "{" <> mconcat (intersperse "," [quote name <> ":" <> value | (name, value) <- members time]) <> "}\n"
    members time =
      [("timestamp", quote time), ("level", quote (upper level))]
        ++ [("requestId", quote (requestId context)) | not (B.null (requestId context))]
        ++ [("message", quote message)]
        ++ fields
    strict = L.toStrict . Builder.toLazyByteString
    oneLine c = if c == '\n' || c == '\r' then ' ' else c

ignore :: IOException -> IO ()
ignore _ = pure ()

upper :: Level -> ByteString
upper = C.pack . map toUpper . show

inJson :: Bool
inJson = unsafePerformIO (maybe False ((== "JSON") . map toUpper) <$> lookupEnv "AWS_LAMBDA_LOG_FORMAT")
{-# NOINLINE inJson #-}

least :: Level
least = unsafePerformIO (levelNamed <$> lookupEnv "AWS_LAMBDA_LOG_LEVEL")
  where
    levelNamed wanted = fromMaybe minBound (find ((== fmap (map toUpper) wanted) . Just . map toUpper . show) [minBound ..])
{-# NOINLINE least #-}
