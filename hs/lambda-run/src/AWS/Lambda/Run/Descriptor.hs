{-# LANGUAGE CApiFFI #-}
{-# LANGUAGE ForeignFunctionInterface #-}

-- | Bytes in and out of descriptors: pipes and sockets alike, without a 'System.IO.Handle' in between.
module AWS.Lambda.Run.Descriptor
  ( Reader,
    Descriptor,
    newReader,
    hasWords,
    readLine,
    readExactly,
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

import Control.Concurrent (threadWaitRead, threadWaitWrite)
import Control.Exception (Exception, onException, throwIO)
import Control.Monad (when)
import Data.Bits (shiftR, (.|.))
import Data.ByteString (ByteString)
import qualified Data.ByteString as B
import qualified Data.ByteString.Internal as B (fromForeignPtr, mallocByteString)
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

-- | A descriptor, what was read from it too early, and the memory that it is read into.
data Reader = Reader !Descriptor !(IORef ByteString) !(ForeignPtr Word8)

-- | Reads from now on.
newReader :: Descriptor -> IO Reader
newReader descriptor = Reader descriptor <$> newIORef B.empty <*> B.mallocByteString chunk

chunk :: Int
chunk = 16384

-- | Run a call until no signal interrupts it; the waiting is for descriptors whose calls wait briefly, or not at all.
retrying :: String -> IO () -> IO CSsize -> IO Int
retrying name waiting call = go
  where
    go = do
      result <- call
      if result >= 0 then pure (fromIntegral result) else getErrno >>= again
    again errno
      | errno == eINTR = go
      | errno == eAGAIN = waiting >> go
      | otherwise = throwErrno name

readInto :: Descriptor -> Ptr Word8 -> Int -> IO Int
readInto descriptor pointer size =
  retrying "read" (threadWaitRead (Fd descriptor)) (c_read descriptor pointer (fromIntegral size))

-- | What comes next, as much as there is; empty at the end.
readSome :: Reader -> IO ByteString
readSome (Reader descriptor early memory) = do
  ready <- readIORef early
  if B.null ready
    then withForeignPtr memory $ \pointer -> do
      size <- readInto descriptor pointer chunk
      B.packCStringLen (castPtr pointer, size)
    else ready <$ writeIORef early B.empty

-- | Whether something can be read from the socket now, its end among that.
hasWords :: Reader -> IO Bool
hasWords (Reader descriptor early memory) = do
  ready <- readIORef early
  if B.null ready
    then (>= 0) <$> withForeignPtr memory (\pointer -> c_recv descriptor pointer 1 (c_MSG_PEEK .|. c_MSG_DONTWAIT))
    else pure True

-- | The next line without its line break (and carriage return); 'Nothing' at the end.
readLine :: Reader -> IO (Maybe ByteString)
readLine reader@(Reader _ early _) = readSome reader >>= go
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
readExactly (Reader descriptor early _) size = do
  ready <- readIORef early
  let (now, later) = B.splitAt size ready
  writeIORef early later
  if B.length now == size then pure now else fill now
  where
    fill now = do
      memory <- B.mallocByteString size
      withForeignPtr memory $ \pointer -> do
        B.unsafeUseAsCStringLen now $ \(from, length') -> copy pointer (castPtr from) length'
        let go at
              | at == size = pure ()
              | otherwise = do
                got <- readInto descriptor (pointer `plusPtr` at) (size - at)
                when (got == 0) (throwIO Gone)
                go (at + got)
        go (B.length now)
      pure (B.fromForeignPtr memory 0 size)
    copy to from length' = () <$ c_memcpy to from (fromIntegral length')

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
          retrying "write" (threadWaitWrite (Fd descriptor)) (c_writev descriptor parts 2)
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
-- a millisecond at most; but what comes within that, as most of what the API says does, costs one call in place of three and
-- a turn of the scheduler.
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
      withArray [0, 1000] $ \time -> throwErrnoIfMinus1 "setsockopt" (c_setsockopt descriptor c_SOL_SOCKET option (castPtr (time :: Ptr CLong)) 16)
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

-- "safe": they wait, and with the threaded runtime the program's other threads go on meanwhile.
foreign import ccall safe "read" c_read :: CInt -> Ptr Word8 -> CSize -> IO CSsize

foreign import ccall safe "writev" c_writev :: CInt -> Ptr () -> CInt -> IO CSsize

foreign import ccall safe "connect" c_connect :: CInt -> Ptr () -> CInt -> IO CInt

foreign import ccall unsafe "socket" c_socket :: CInt -> CInt -> CInt -> IO CInt

foreign import ccall unsafe "setsockopt" c_setsockopt :: CInt -> CInt -> CInt -> Ptr () -> CInt -> IO CInt

foreign import ccall unsafe "close" c_close :: CInt -> IO CInt

foreign import ccall unsafe "dup2" c_dup2 :: CInt -> CInt -> IO CInt

foreign import capi unsafe "fcntl.h fcntl" c_fcntl :: CInt -> CInt -> CInt -> IO CInt

foreign import ccall unsafe "memcpy" c_memcpy :: Ptr Word8 -> Ptr Word8 -> CSize -> IO (Ptr Word8)
