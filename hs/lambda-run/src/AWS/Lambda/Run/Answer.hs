{-# LANGUAGE OverloadedStrings #-}

-- | What a handler gives: bytes, or a stream with the status and the headers of an HTTP response in front of it.
--
-- > {-# LANGUAGE OverloadedStrings #-}
-- >
-- > import AWS.Lambda.Run (Answer (..), page, runAnswers)
-- >
-- > main :: IO ()
-- > main = runAnswers (pure ()) $ \() _context _event -> pure . Streamed (page 200 "text/html") $ \write -> do
-- >   write "<h1>Hello</h1>"
-- >   write "<p>and later more"
--
-- A function URL with @invoke_mode = "RESPONSE_STREAM"@ hands the pieces on as they are written. Where nothing can stream
-- (a shell, @response = "buffered"@) the bytes are collected, and a persistent program collects each stream: what takes the pieces
-- throws @Function.ResponseSizeTooLarge@ above Lambda's limit (6 MB, 200 MB for streams).
module AWS.Lambda.Run.Answer
  ( Answer (..),
    Head (..),
    page,
    prelude,
  )
where

import AWS.Lambda.Run.Quote (quote)
import Data.ByteString (ByteString)
import qualified Data.ByteString as B
import qualified Data.ByteString.Builder as Builder
import qualified Data.ByteString.Char8 as C
import qualified Data.ByteString.Lazy as L
import Data.Char (toLower)
import Data.List (intersperse, nubBy, partition)

-- | The answer to one event.
data Answer
  = -- | All of it; JSON, as a rule.
    Whole ByteString
  | -- | Written piece by piece; nothing goes out before the first one, so that an exception until then is an ordinary error.
    -- What takes the pieces may be used by several threads; once the action has ended, it throws.
    Streamed Head ((ByteString -> IO ()) -> IO ())

-- | What stands in front of a stream.
data Head
  = -- | Nothing: bytes for whoever invoked the function.
    Bytes
  | -- | Of an HTTP response, for a function URL.
    Http
      { statusCode :: !Int,
        -- | A name that comes twice has its values joined by a comma; a @set-cookie@ is one of the cookies.
        headers :: [(ByteString, ByteString)],
        -- | Each as the value of a @set-cookie@.
        cookies :: [ByteString]
      }
  deriving (Eq, Show)

-- | A status and a content type.
page :: Int -> ByteString -> Head
page status kind = Http status [("content-type", kind)] []

-- | The bytes that AWS's HTTP integration reads in front of the body: JSON and eight NULs.
prelude :: Head -> ByteString
prelude Bytes = B.empty
prelude (Http status fields setCookies) =
  L.toStrict . Builder.toLazyByteString $
    "{\"statusCode\":" <> Builder.intDec status <> ",\"headers\":{" <> commas (map member names) <> "}" <> crumbs <> "}" <> Builder.byteString (B.replicate 8 0)
  where
    (ofCookies, others) = partition (same "set-cookie" . fst) fields
    names = nubBy same (map fst others)
    member name = quote name <> ":" <> quote (B.intercalate ", " [value | (other, value) <- others, same name other])
    every = setCookies ++ map snd ofCookies
    crumbs = if null every then mempty else ",\"cookies\":[" <> commas (map quote every) <> "]"
    same one two = C.map toLower one == C.map toLower two
    commas = mconcat . intersperse ","
