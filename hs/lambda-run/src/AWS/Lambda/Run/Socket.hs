{-# LANGUAGE CApiFFI #-}
{-# LANGUAGE ForeignFunctionInterface #-}

-- | Connections to the Runtime API.
module AWS.Lambda.Run.Socket
  ( Waiting (..),
    connectTo,
  )
where

import AWS.Lambda.Run.Descriptor (Descriptor, close)
import Control.Exception (onException)
import Data.Bits (shiftR, (.|.))
import qualified Data.ByteString as B
import qualified Data.ByteString.Unsafe as B
import Data.Word (Word8)
import Foreign.C.Error (throwErrnoIfMinus1)
import Foreign.C.Types (CInt (..), CLong)
import Foreign.Marshal.Array (withArray)
import Foreign.Marshal.Utils (with)
import Foreign.Ptr (Ptr, castPtr)

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

foreign import capi "fcntl.h value O_NONBLOCK" o_NONBLOCK :: CInt

foreign import capi "fcntl.h value F_GETFL" f_GETFL :: CInt

foreign import capi "fcntl.h value F_SETFL" f_SETFL :: CInt

foreign import capi "sys/socket.h value SOL_SOCKET" c_SOL_SOCKET :: CInt

foreign import capi "sys/socket.h value SO_RCVTIMEO" c_SO_RCVTIMEO :: CInt

foreign import capi "sys/socket.h value SO_SNDTIMEO" c_SO_SNDTIMEO :: CInt

foreign import ccall safe "connect" c_connect :: CInt -> Ptr () -> CInt -> IO CInt

foreign import ccall unsafe "socket" c_socket :: CInt -> CInt -> CInt -> IO CInt

foreign import ccall unsafe "setsockopt" c_setsockopt :: CInt -> CInt -> CInt -> Ptr () -> CInt -> IO CInt

foreign import capi unsafe "fcntl.h fcntl" c_fcntl :: CInt -> CInt -> CInt -> IO CInt
