{-# LANGUAGE CApiFFI #-}
{-# LANGUAGE ForeignFunctionInterface #-}

-- | Bytes in and out of descriptors: pipes and sockets alike, without a 'System.IO.Handle' in between.
module AWS.Lambda.Run.Descriptor
  ( Reader,
    Descriptor,
    newReader,
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
    writeAll,
    takeOver,
    openNothing,
    Waiting (..),
    connectTo,
    close,
    Gone (..),
  )
where

import AWS.Lambda.Run.Place (Place, filled)
import Control.Concurrent (rtsSupportsBoundThreads, threadWaitRead, threadWaitWrite, yield)
import Control.Exception (Exception, onException, throwIO)
import Control.Monad (when)
import Data.Bits (shiftR, (.|.))
import Data.ByteString (ByteString)
import qualified Data.ByteString as B
import qualified Data.ByteString.Internal as B (mallocByteString)
import qualified Data.ByteString.Unsafe as B
import Data.IORef
import Data.Word (Word8)
import Foreign.C.Error (eAGAIN, eINTR, getErrno, throwErrno, throwErrnoIfMinus1)
import Foreign.C.String (CString, withCString)
import Foreign.C.Types (CInt (..), CLong, CSize (..))
import Foreign.ForeignPtr (ForeignPtr, withForeignPtr)
import Foreign.Marshal.Alloc (allocaBytes)
import Foreign.Marshal.Array (withArray)
import Foreign.Marshal.Utils (with)
import Foreign.Ptr (Ptr, castPtr, plusPtr)
import Foreign.Storable (pokeByteOff)
import System.Posix.Types (CSsize (..), Fd (..))

-- | As in C.
type Descriptor = CInt

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

-- | Run a call to its end; the waiting is for descriptors whose calls wait briefly, or not at all. The signal that interrupts
-- one is, as a rule, the runtime's own, by which it gives its threads their turns.
retrying :: String -> IO () -> IO CSsize -> IO Int
retrying name waiting call = go (1 :: Int)
  where
    go turns = do
      result <- call
      if result >= 0 then pure (fromIntegral result) else getErrno >>= again turns
    again turns errno
      | errno == eINTR && turns > 0 = yield >> go (turns - 1)
      | errno == eINTR || errno == eAGAIN = waiting >> go turns
      | otherwise = throwErrno name

readInto :: Descriptor -> Ptr Word8 -> Int -> IO Int
readInto descriptor pointer size =
  retrying "read" (threadWaitRead (Fd descriptor)) (cRead descriptor pointer (fromIntegral size))

-- | What comes next, as much as there is; empty at the end.
readSome :: Reader -> IO ByteString
readSome (Reader descriptor early memory _) = do
  ready <- readIORef early
  if B.null ready
    then withForeignPtr memory $ \pointer -> do
      size <- readInto descriptor pointer chunk
      B.packCStringLen (castPtr pointer, size)
    else ready <$ writeIORef early B.empty

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

-- | Write both, with one call where the kernel takes it.
writeAll :: Descriptor -> ByteString -> ByteString -> IO ()
writeAll descriptor first second
  | B.null first && B.null second = pure ()
  | otherwise = do
    done <- B.unsafeUseAsCStringLen first $ \(one, oneSize) ->
      B.unsafeUseAsCStringLen second $ \(two, twoSize) ->
        allocaBytes 32 $ \parts -> do
          pokeByteOff parts 0 one
          pokeByteOff parts 8 (fromIntegral oneSize :: CSize)
          pokeByteOff parts 16 two
          pokeByteOff parts 24 (fromIntegral twoSize :: CSize)
          retrying "write" (threadWaitWrite (Fd descriptor)) (cWritev descriptor parts 2)
    writeAll descriptor (B.drop done first) (B.drop (done - B.length first) second)

-- | Keep a standard descriptor for us alone: a copy of it is returned, and whoever uses the original from here on uses
-- what stands in its place.
takeOver :: Descriptor -> Descriptor -> IO Descriptor
takeOver standard replacement = do
  own <- throwErrnoIfMinus1 "dup" (c_fcntl standard f_DUPFD_CLOEXEC 3)
  _ <- throwErrnoIfMinus1 "dup2" (c_dup2 replacement standard)
  pure own

-- | A descriptor at whose end one is at once.
openNothing :: IO Descriptor
openNothing = throwErrnoIfMinus1 "open" (withCString "/dev/null" (\path -> c_open path o_RDONLY))

-- | Whether a call on a connection waits itself. That stops the other threads of the runtime without @-threaded@, so it is for
-- some 20 ms at most; but what comes within that costs one call in place of three and a turn of the scheduler.
data Waiting = Briefly | Never
  deriving (Eq)

-- | A TCP connection to an IPv4 address, without Nagle's delay.
connectTo :: Waiting -> [Word8] -> Int -> IO Descriptor
connectTo waiting address port = do
  descriptor <- throwErrnoIfMinus1 "socket" (c_socket 2 (1 + 0o2000000) 0) -- AF_INET, SOCK_STREAM + SOCK_CLOEXEC
  let name = B.pack ([2, 0, fromIntegral (port `shiftR` 8), fromIntegral port] ++ address ++ replicate 8 0)
      connecting = do
        _ <- B.unsafeUseAsCStringLen name $ \(pointer, size) ->
          throwErrnoIfMinus1 "connect" (c_connect descriptor (castPtr pointer) (fromIntegral size))
        with 1 $ \one -> throwErrnoIfMinus1 "setsockopt" (c_setsockopt descriptor 6 1 (castPtr (one :: Ptr CInt)) 4) -- TCP_NODELAY
  _ <- connecting `onException` close descriptor
  if waiting == Briefly then mapM_ (limit descriptor) [c_SO_RCVTIMEO, c_SO_SNDTIMEO] else neverWait descriptor
  pure descriptor
  where
    limit descriptor option =
      withArray [0, 20000] $ \time -> throwErrnoIfMinus1 "setsockopt" (c_setsockopt descriptor c_SOL_SOCKET option (castPtr (time :: Ptr CLong)) 16)
    neverWait descriptor = do
      flags <- throwErrnoIfMinus1 "fcntl" (c_fcntl descriptor f_GETFL 0)
      () <$ throwErrnoIfMinus1 "fcntl" (c_fcntl descriptor f_SETFL (flags .|. o_NONBLOCK))

-- | No error where it is closed already.
close :: Descriptor -> IO ()
close descriptor = () <$ c_close descriptor

foreign import capi "fcntl.h value F_DUPFD_CLOEXEC" f_DUPFD_CLOEXEC :: CInt

foreign import capi "fcntl.h value O_RDONLY" o_RDONLY :: CInt

foreign import capi "fcntl.h value O_NONBLOCK" o_NONBLOCK :: CInt

foreign import capi "fcntl.h value F_GETFL" f_GETFL :: CInt

foreign import capi "fcntl.h value F_SETFL" f_SETFL :: CInt

foreign import capi "sys/socket.h value SOL_SOCKET" c_SOL_SOCKET :: CInt

foreign import capi "sys/socket.h value SO_RCVTIMEO" c_SO_RCVTIMEO :: CInt

foreign import capi "sys/socket.h value SO_SNDTIMEO" c_SO_SNDTIMEO :: CInt

foreign import capi unsafe "fcntl.h open" c_open :: CString -> CInt -> IO CInt

foreign import capi "sys/socket.h value MSG_PEEK" c_MSG_PEEK :: CInt

foreign import capi "sys/socket.h value MSG_DONTWAIT" c_MSG_DONTWAIT :: CInt

foreign import ccall unsafe "recv" c_recv :: CInt -> Ptr Word8 -> CSize -> CInt -> IO CSsize

-- They wait. With the threaded runtime the program's other threads go on meanwhile, which is what "safe" is for; without it
-- it would cost as much as it does there, for nothing.
cRead :: CInt -> Ptr Word8 -> CSize -> IO CSsize
cRead = if rtsSupportsBoundThreads then c_read_safe else c_read_unsafe

cWritev :: CInt -> Ptr () -> CInt -> IO CSsize
cWritev = if rtsSupportsBoundThreads then c_writev_safe else c_writev_unsafe

foreign import ccall safe "read" c_read_safe :: CInt -> Ptr Word8 -> CSize -> IO CSsize

foreign import ccall unsafe "read" c_read_unsafe :: CInt -> Ptr Word8 -> CSize -> IO CSsize

foreign import ccall safe "writev" c_writev_safe :: CInt -> Ptr () -> CInt -> IO CSsize

foreign import ccall unsafe "writev" c_writev_unsafe :: CInt -> Ptr () -> CInt -> IO CSsize

foreign import ccall safe "connect" c_connect :: CInt -> Ptr () -> CInt -> IO CInt

foreign import ccall unsafe "socket" c_socket :: CInt -> CInt -> CInt -> IO CInt

foreign import ccall unsafe "setsockopt" c_setsockopt :: CInt -> CInt -> CInt -> Ptr () -> CInt -> IO CInt

foreign import ccall unsafe "close" c_close :: CInt -> IO CInt

foreign import ccall unsafe "dup2" c_dup2 :: CInt -> CInt -> IO CInt

foreign import capi unsafe "fcntl.h fcntl" c_fcntl :: CInt -> CInt -> CInt -> IO CInt

foreign import ccall unsafe "memcpy" c_memcpy :: Ptr Word8 -> Ptr Word8 -> CSize -> IO (Ptr Word8)
