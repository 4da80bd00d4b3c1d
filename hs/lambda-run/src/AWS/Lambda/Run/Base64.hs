-- | Base64 as RFC 4648 has it, with padding; read without it, too.
module AWS.Lambda.Run.Base64
  ( encode,
    decode,
  )
where

import Data.Bits (shiftL, shiftR, (.&.), (.|.))
import Data.ByteString (ByteString)
import qualified Data.ByteString as B
import qualified Data.ByteString.Char8 as C
import qualified Data.ByteString.Unsafe as B
import Data.Word (Word8)

-- | Bytes as text.
encode :: ByteString -> ByteString
encode bytes = fst (B.unfoldrN ((B.length bytes + 2) `div` 3 * 4) digit 0)
  where
    digit at = Just (letter at, at + 1 :: Int)
    letter at
      | at `mod` 4 > left = 61 -- the padding
      | otherwise = B.unsafeIndex alphabet (fromIntegral (bits `shiftR` (18 - 6 * (at `mod` 4)) .&. 63))
      where
        from = at `div` 4 * 3
        left = B.length bytes - from
        bits = byte from `shiftL` 16 .|. byte (from + 1) `shiftL` 8 .|. byte (from + 2) :: Int
    byte i = if i < B.length bytes then fromIntegral (B.unsafeIndex bytes i) else 0

-- | Text as bytes; 'Nothing' for what is no base64, down to the bits that padding leaves over. Where there is no padding at
-- all, as some senders have it, it is not missed.
decode :: ByteString -> Maybe ByteString
decode text
  | C.notElem '=' text = padded (text <> C.replicate (negate (B.length text) `mod` 4) '=')
  | otherwise = padded text

padded :: ByteString -> Maybe ByteString
padded text
  | B.length text `mod` 4 /= 0 || B.any (> 63) values || padding > 2 = Nothing
  | encode bytes /= text = Nothing
  | otherwise = Just bytes
  where
    digits = fst (C.spanEnd (== '=') text)
    padding = B.length text - B.length digits
    values = B.map value digits
    bytes = fst (B.unfoldrN (B.length text `div` 4 * 3 - padding) (\at -> Just (byte at, at + 1 :: Int)) 0)
    byte at = fromIntegral (bits `shiftR` (16 - 8 * (at `mod` 3)) .&. 255)
      where
        from = at `div` 3 * 4
        bits = at6 from `shiftL` 18 .|. at6 (from + 1) `shiftL` 12 .|. at6 (from + 2) `shiftL` 6 .|. at6 (from + 3) :: Int
    at6 i = if i < B.length values then fromIntegral (B.unsafeIndex values i) else 0

value :: Word8 -> Word8
value c
  | c >= 65 && c <= 90 = c - 65
  | c >= 97 && c <= 122 = c - 71
  | c >= 48 && c <= 57 = c + 4
  | c == 43 = 62
  | c == 47 = 63
  | otherwise = 255

alphabet :: ByteString
alphabet = C.pack "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
