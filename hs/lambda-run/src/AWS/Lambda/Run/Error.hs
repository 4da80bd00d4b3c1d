{-# LANGUAGE OverloadedStrings #-}

-- | Why an event has no answer: a name to route by (Step Functions, destinations, alarms), a message, where it came from.
module AWS.Lambda.Run.Error
  ( Failure (..),
    failWith,
    failureOf,
    headerName,
  )
where

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
import Data.List (isPrefixOf)
import Data.Typeable (tyConName, typeOf, typeRepTyCon)

-- | Thrown by a handler, it is the event's error as it stands.
data Failure = Failure
  { -- | ASCII letters, digits, dots and underscores, a letter first: the @errorType@.
    errorName :: !ByteString,
    -- | UTF-8.
    errorMessage :: !ByteString,
    -- | Lines of a call stack, the innermost first; empty where there is none.
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
  | Just (SomeAsyncException inner) <- fromException problem = failureNamed inner (asyncName inner)
  | SomeException inner <- problem = failureNamed inner (typeName inner)

failureNamed :: Exception e => e -> String -> IO Failure
failureNamed inner constructor = case fromException (toException inner) of
  Just failure -> pure failure {errorName = if B.null (safe (errorName failure)) then "HandlerError" else safe (errorName failure)}
  Nothing -> either wrong whole <$> tried (displayException inner)
  where
    kind = maybe "HandlerError" id (nonEmpty (safe (B.pack constructor)))
    nonEmpty text = if B.null text then Nothing else Just text
    wrong _ = Failure kind "an exception without a message" []
    whole text = case break ("CallStack (from" `isPrefixOf`) (lines text) of
      (said, _ : stack) -> Failure kind (utf8 (unlines' said)) (map (utf8 . dropWhile (== ' ')) stack)
      (_, []) -> Failure kind (utf8 text) []
    unlines' = foldr (\line rest -> if null rest then line else line ++ "\n" ++ rest) ""
    tried text = try (evaluate (forced (take messageLimit text))) :: IO (Either SomeException String)
    forced text = foldr seq text text
    messageLimit = 65536 -- characters

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

-- | The form of the header is narrower than the body's: @Function.@ and letters, the first one a capital.
headerName :: ByteString -> ByteString
headerName kind
  | any (`B.isPrefixOf` kind) ["Runtime.", "Function."] = kind
  | otherwise = case B.uncons (B.filter (\c -> isAsciiLower c || isAsciiUpper c) kind) of
    Just (first, rest) | not (B.null rest) -> "Function." <> B.cons (toUpper first) rest
    _ -> "Function.Error"
