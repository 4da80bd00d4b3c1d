{-# LANGUAGE CApiFFI #-}
{-# LANGUAGE ForeignFunctionInterface #-}

-- | Descriptors as C has them: pipes and sockets alike, without a 'System.IO.Handle' in between.
module AWS.Lambda.Run.Descriptor
  ( Descriptor,
    readInto,
    writeAll,
    writeSome,
    openStandard,
    takeOver,
    openNothing,
    close,
  )
where

import Control.Concurrent (rtsSupportsBoundThreads, threadWaitRead, threadWaitWrite, yield)
import Control.Monad (filterM, unless, void, when)
import Data.ByteString (ByteString)
import qualified Data.ByteString as B
import qualified Data.ByteString.Char8 as C
import qualified Data.ByteString.Unsafe as B
import Data.Word (Word8)
import Foreign.C.Error (eAGAIN, eINTR, getErrno, throwErrno, throwErrnoIfMinus1)
import Foreign.C.String (CString, withCString)
import Foreign.C.Types (CInt (..), CSize (..))
import Foreign.Marshal.Alloc (allocaBytes)
import Foreign.Marshal.Array (withArray0)
import Foreign.Marshal.Utils (withMany)
import Foreign.Ptr (Ptr, nullPtr)
import Foreign.Storable (pokeByteOff)
import System.Posix.Types (CSsize (..), Fd (..))

-- | As in C.
type Descriptor = CInt

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

-- | As much as there is, at most so many bytes; 0 at the end.
readInto :: Descriptor -> Ptr Word8 -> Int -> IO Int
readInto descriptor pointer size =
  retrying "read" (threadWaitRead (Fd descriptor)) (cRead descriptor pointer (fromIntegral size))

-- | Write both, with one call where the kernel takes it.
writeAll :: Descriptor -> ByteString -> ByteString -> IO ()
writeAll descriptor first second
  | B.null first && B.null second = pure ()
  | otherwise = do
    done <- writeSome descriptor first second
    writeAll descriptor (B.drop done first) (B.drop (done - B.length first) second)

-- | Write of both what the kernel takes: how much that was. An exception comes while it takes nothing.
writeSome :: Descriptor -> ByteString -> ByteString -> IO Int
writeSome descriptor first second =
  B.unsafeUseAsCStringLen first $ \(one, oneSize) ->
    B.unsafeUseAsCStringLen second $ \(two, twoSize) ->
      allocaBytes 32 $ \parts -> do
        pokeByteOff parts 0 one
        pokeByteOff parts 8 (fromIntegral oneSize :: CSize)
        pokeByteOff parts 16 two
        pokeByteOff parts 24 (fromIntegral twoSize :: CSize)
        retrying "write" (threadWaitWrite (Fd descriptor)) (cWritev descriptor parts 2)

-- | Whoever was started without stdin, stdout or stderr gets an empty one. Where GHC's threaded runtime has put a descriptor of its
-- own into that place, the program begins anew.
openStandard :: IO ()
openStandard = do
  mapM_ (\standard -> c_fcntl standard f_GETFD 0 >>= \flags -> when (flags < 0) (void (opened o_RDWR))) [0, 1, 2]
  taken <- filterM isRuntimes [0, 1, 2]
  unless (null taken) $ do
    nothing <- opened o_RDWR
    command <- C.split '\0' . B.init <$> B.readFile "/proc/self/cmdline"
    mapM_ (c_dup2 nothing) taken
    close nothing
    _ <- withMany B.useAsCString command $ \words' -> withArray0 nullPtr words' (withCString "/proc/self/exe" . flip c_execv)
    throwErrno "execv"
  where
    isRuntimes standard = allocaBytes 11 $ \text -> do
      size <- withCString ("/proc/self/fd/" ++ show standard) $ \path -> c_readlink path text 11
      (== C.pack "anon_inode:") <$> B.packCStringLen (text, max 0 (fromIntegral size))

-- | Keep a standard descriptor for us alone: a copy of it is returned, and whoever uses the original from here on uses
-- what stands in its place.
takeOver :: Descriptor -> Descriptor -> IO Descriptor
takeOver standard replacement = do
  own <- throwErrnoIfMinus1 "dup" (c_fcntl standard f_DUPFD_CLOEXEC 3)
  _ <- throwErrnoIfMinus1 "dup2" (c_dup2 replacement standard)
  pure own

-- | A descriptor at whose end one is at once.
openNothing :: IO Descriptor
openNothing = opened o_RDONLY

opened :: CInt -> IO Descriptor
opened flags = throwErrnoIfMinus1 "open" (withCString "/dev/null" (`c_open` flags))

-- | No error where it is closed already.
close :: Descriptor -> IO ()
close descriptor = () <$ c_close descriptor

foreign import capi "fcntl.h value F_DUPFD_CLOEXEC" f_DUPFD_CLOEXEC :: CInt

foreign import capi "fcntl.h value F_GETFD" f_GETFD :: CInt

foreign import capi "fcntl.h value O_RDWR" o_RDWR :: CInt

foreign import capi "fcntl.h value O_RDONLY" o_RDONLY :: CInt

foreign import capi unsafe "fcntl.h open" c_open :: CString -> CInt -> IO CInt

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

foreign import ccall unsafe "close" c_close :: CInt -> IO CInt

foreign import ccall unsafe "readlink" c_readlink :: CString -> CString -> CSize -> IO CSsize

foreign import ccall unsafe "execv" c_execv :: CString -> Ptr CString -> IO CInt

foreign import ccall unsafe "dup2" c_dup2 :: CInt -> CInt -> IO CInt

foreign import capi unsafe "fcntl.h fcntl" c_fcntl :: CInt -> CInt -> CInt -> IO CInt
