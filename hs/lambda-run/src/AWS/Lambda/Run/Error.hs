{-# LANGUAGE OverloadedStrings #-}

-- | Why an event has no answer: a name to route by (Step Functions, destinations, alarms), a message, where it came from.
module AWS.Lambda.Run.Error
  ( Failure (..),
    failWith,
    failureOf,
    headerName,
  )
where

import AWS.Lambda.Run.Trace (traceOf)
import Control.Exception
  ( AsyncException (..),
    Exception,
    SomeAsyncException (..),
    SomeException (..),
    displayException,
    evaluate,
    fromException,
    throwIO,
    toException,
    try,
  )
import Data.ByteString (ByteString)
import qualified Data.ByteString.Builder as Builder
import qualified Data.ByteString.Char8 as B
import qualified Data.ByteString.Lazy as L
import Data.Char (isAlphaNum, isAscii, isAsciiLower, isAsciiUpper, toUpper)
import Data.List (intercalate, isPrefixOf)
import Data.Typeable (tyConName, typeOf, typeRepTyCon)

-- | Thrown by a handler, it is the event's error as it stands.
data Failure = Failure
  { -- | ASCII letters, digits, dots and underscores, a letter first: the @errorType@.
    errorName :: !ByteString,
    -- | UTF-8; of more than 64 KB the rest is lost.
    errorMessage :: !ByteString,
    -- | Lines of a call stack, the innermost first; empty where there is none. A hundred go out.
    errorTrace :: [ByteString]
  }
  deriving (Eq, Show)

instance Exception Failure

-- | End the event with an error of that name and that message.
failWith :: ByteString -> ByteString -> IO a
failWith kind why = throwIO (Failure kind why [])

-- | A 'Failure' as it stands; any other exception by the name of its type, with its message and GHC's call stack. The
-- message may be as wrong as the program that made it.
failureOf :: SomeException -> IO Failure
failureOf problem
  | Just (SomeAsyncException inner) <- fromException problem = failureNamed inner (asyncName inner) (traceOf problem)
  | SomeException inner <- problem = failureNamed inner (typeName inner) (traceOf problem)

failureNamed :: Exception e => e -> String -> [String] -> IO Failure
failureNamed inner constructor beside = either wrong id <$> try (evaluate (forced (maybe shown short (fromException (toException inner)))))
  where
    shown = whole (take limit (displayException inner))
    short failure = Failure (named (errorName failure)) (B.take limit (errorMessage failure)) (map (B.take 1000) (take 100 (errorTrace failure)))
    named name = if B.null (safe name) then "HandlerError" else safe name
    kind = named (B.pack constructor)
    wrong problem = const (Failure kind "an exception without a message" []) (problem :: SomeException)
    whole text = case break ("CallStack (from" `isPrefixOf`) (lines text) of
      (said, _ : stack) -> short (Failure kind (utf8 (intercalate "\n" said)) (map (utf8 . dropWhile (== ' ')) stack))
      (said, []) -> short (Failure kind (utf8 (intercalate "\n" said)) (map utf8 beside))
    forced failure = foldr seq failure (errorTrace failure)
    limit = 65536 -- characters or bytes

typeName :: Exception e => e -> String
typeName = tyConName . typeRepTyCon . typeOf

-- | One type stands for four ways to end.
asyncName :: Exception e => e -> String
asyncName problem = case fromException (toException problem) of
  Just StackOverflow -> "StackOverflow"
  Just HeapOverflow -> "HeapOverflow"
  Just ThreadKilled -> "ThreadKilled"
  Just UserInterrupt -> "UserInterrupt"
  Nothing -> typeName problem

-- | What may stand in a name; GHC's primes do not.
safe :: ByteString -> ByteString
safe = B.take 128 . B.dropWhile (not . letter) . B.filter (\c -> (isAscii c && isAlphaNum c) || c == '.' || c == '_')
  where
    letter c = isAsciiLower c || isAsciiUpper c

utf8 :: String -> ByteString
utf8 = L.toStrict . Builder.toLazyByteString . Builder.stringUtf8 . map scalar
  where
    scalar c = if c >= '\xD800' && c <= '\xDFFF' then '\xFFFD' else c

-- | The form of the header is narrower than the body's: @Function.@ or @Runtime.@, and letters, the first one a capital.
headerName :: ByteString -> ByteString
headerName name = case B.stripPrefix "Runtime." name of
  Just rest -> "Runtime." <> letters rest
  Nothing -> "Function." <> letters (maybe name id (B.stripPrefix "Function." name))
  where
    letters text = case B.uncons (B.filter (\c -> isAsciiLower c || isAsciiUpper c) text) of
      Just (first, rest) | not (B.null rest) -> B.cons (toUpper first) rest
      _ -> "Error"
