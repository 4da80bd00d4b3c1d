{-# LANGUAGE CApiFFI #-}
{-# LANGUAGE ForeignFunctionInterface #-}

-- | Bytes out of a descriptor, by lines and by lengths.
module AWS.Lambda.Run.Reader
  ( Reader,
    newReader,
    awaitSome,
    hasRest,
    hasWords,
    readSome,
    putBack,
    readLine,
    readExactly,
    readTo,
    copyTo,
    placeOf,
    readAll,
    Gone (..),
  )
where

import AWS.Lambda.Run.Descriptor (Descriptor, readInto)
import AWS.Lambda.Run.Place (Place, filled)
import Control.Exception (Exception, throwIO)
import Control.Monad (when)
import Data.Bits ((.|.))
import Data.ByteString (ByteString)
import qualified Data.ByteString as B
import qualified Data.ByteString.Internal as B (mallocByteString)
import qualified Data.ByteString.Unsafe as B
import Data.IORef
import Data.Word (Word8)
import Foreign.C.Types (CInt (..), CSize (..))
import Foreign.ForeignPtr (ForeignPtr, withForeignPtr)
import Foreign.Ptr (Ptr, castPtr, plusPtr)
import System.Posix.Types (CSsize (..))

-- | The other end has closed, in the middle of something.
data Gone = Gone

instance Show Gone where
  show Gone = "the other end hung up in the middle of something"

instance Exception Gone

-- | A descriptor, what was read from it too early, and the memory that it is read into: pieces, and what is large.
data Reader = Reader !Descriptor !(IORef ByteString) !(ForeignPtr Word8) !Place

-- | Reads from now on; the place is for what is large, and outlasts a connection.
newReader :: Place -> Descriptor -> IO Reader
newReader place descriptor = (\early memory -> Reader descriptor early memory place) <$> newIORef B.empty <*> B.mallocByteString chunk

chunk :: Int
chunk = 16384

-- | What comes next, as much as there is; empty at the end.
readSome :: Reader -> IO ByteString
readSome (Reader descriptor early memory _) = do
  ready <- readIORef early
  if B.null ready
    then withForeignPtr memory $ \pointer -> do
      size <- readInto descriptor pointer chunk
      B.packCStringLen (castPtr pointer, size)
    else ready <$ writeIORef early B.empty

-- | Wait until there is something to read, its end among that.
awaitSome :: Reader -> IO ()
awaitSome reader = readSome reader >>= putBack reader

-- | What was read too early comes next.
putBack :: Reader -> ByteString -> IO ()
putBack (Reader _ early _ _) = writeIORef early

-- | Whether something was read too early.
hasRest :: Reader -> IO Bool
hasRest (Reader _ early _ _) = not . B.null <$> readIORef early

-- | Whether something can be read from the socket now, its end among that.
hasWords :: Reader -> IO Bool
hasWords reader@(Reader descriptor _ memory _) = do
  rest <- hasRest reader
  if not rest
    then (>= 0) <$> withForeignPtr memory (\pointer -> c_recv descriptor pointer 1 (c_MSG_PEEK .|. c_MSG_DONTWAIT))
    else pure True

-- | The next line without its line break (and carriage return); 'Nothing' at the end.
readLine :: Reader -> IO (Maybe ByteString)
readLine reader@(Reader _ early _ _) = readSome reader >>= go
  where
    go piece = case B.elemIndex 10 piece of
      Just at -> do
        writeIORef early $! B.unsafeDrop (at + 1) piece
        pure $! Just $! withoutReturn (B.unsafeTake at piece)
      Nothing -> do
        more <- readSome reader
        if B.null more then pure Nothing else go (piece <> more)
    withoutReturn line
      | not (B.null line) && B.unsafeLast line == 13 = B.unsafeInit line
      | otherwise = line

-- | Exactly so many bytes, or 'Gone'.
readExactly :: Reader -> Int -> IO ByteString
readExactly reader@(Reader _ early _ place) size = do
  ready <- readIORef early
  if B.length ready >= size
    then B.take size ready <$ (writeIORef early $! B.drop size ready)
    else filled place size (\start -> readTo reader start size)

-- | The same, to where they are to stand.
readTo :: Reader -> Ptr Word8 -> Int -> IO ()
readTo (Reader descriptor early _ _) start size = do
  (now, later) <- B.splitAt size <$> readIORef early
  writeIORef early later
  copyTo start now
  go (B.length now)
  where
    go at
      | at == size = pure ()
      | otherwise = do
        got <- readInto descriptor (start `plusPtr` at) (size - at)
        when (got == 0) (throwIO Gone)
        go (at + got)

-- | Write these bytes there.
copyTo :: Ptr Word8 -> ByteString -> IO ()
copyTo start bytes = () <$ B.unsafeUseAsCStringLen bytes (\(from, size) -> c_memcpy start (castPtr from) (fromIntegral size))

-- | For what is large.
placeOf :: Reader -> Place
placeOf (Reader _ _ _ place) = place

-- | Everything to the end.
readAll :: Reader -> IO ByteString
readAll reader = B.concat <$> go
  where
    go = do
      piece <- readSome reader
      if B.null piece then pure [] else (piece :) <$> go

foreign import capi "sys/socket.h value MSG_PEEK" c_MSG_PEEK :: CInt

foreign import capi "sys/socket.h value MSG_DONTWAIT" c_MSG_DONTWAIT :: CInt

foreign import ccall unsafe "recv" c_recv :: CInt -> Ptr Word8 -> CSize -> CInt -> IO CSsize

foreign import ccall unsafe "memcpy" c_memcpy :: Ptr Word8 -> Ptr Word8 -> CSize -> IO (Ptr Word8)
