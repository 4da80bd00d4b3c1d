{-# LANGUAGE CApiFFI #-}
{-# LANGUAGE ForeignFunctionInterface #-}
{-# LANGUAGE OverloadedStrings #-}

-- | Memory that the bootstrap shares with a persistent program, in place of the pipes: events in one half, which is read only,
-- answers in the other.
--
-- An event is not copied: its bytes are a 'ByteString' where they stand. Whoever keeps it beyond its answer keeps it whole:
-- when the garbage collector finds that it is still in use, its pages are replaced by a copy, and the next event comes to
-- another place. An answer that is a piece of the event stays where it is, any other is copied once.
module AWS.Lambda.Run.Memory
  ( Memory,
    openMemory,
    lendEvent,
    takeBack,
    placeAnswer,
    readyLine,
  )
where

import AWS.Lambda.Run.Descriptor (Descriptor)
import AWS.Lambda.Run.Place (Alive (..), Lent, isNeeded, lend)
import Control.Monad (void, when)
import Data.Bits ((.|.))
import Data.ByteString (ByteString)
import qualified Data.ByteString as B
import qualified Data.ByteString.Unsafe as B
import Data.IORef
import Data.Word (Word8)
import Foreign.C.Types (CInt (..), CSize (..))
import Foreign.Ptr (Ptr, castPtr, minusPtr, nullPtr, plusPtr)
import System.Environment (lookupEnv, unsetEnv)
import System.Posix.Types (COff (..))
import Text.Read (readMaybe)

-- | Where the halves stand, their size, and the event that was lent last.
data Memory = Memory
  { events :: !(IORef (Ptr Word8)),
    answers :: !(Ptr Word8),
    half :: !Int,
    lent :: !(IORef (Maybe Lent))
  }

-- | 'Nothing' under a shim that shares none.
openMemory :: IO (Maybe Memory)
openMemory = lookupEnv "LAMBDA_SHIM_MEMORY" >>= maybe (pure Nothing) open . (>>= readMaybe)
  where
    open size = do
      unsetEnv "LAMBDA_SHIM_MEMORY" -- it is not for whatever the handler starts
      mapM_ closeOnExec [eventFile, answerFile]
      one <- mapFile c_PROT_READ eventFile size
      two <- mapFile (c_PROT_READ .|. c_PROT_WRITE) answerFile size
      if isFailure one || isFailure two
        then pure Nothing
        else (\place last' -> Just (Memory place two size last')) <$> newIORef one <*> newIORef Nothing
    closeOnExec file = c_fcntl file c_F_SETFD c_FD_CLOEXEC

-- | The descriptors of the two halves.
eventFile, answerFile :: Descriptor
eventFile = 3
answerFile = 4

mapFile :: CInt -> Descriptor -> Int -> IO (Ptr Word8)
mapFile protection file size = c_mmap nullPtr (fromIntegral size) protection c_MAP_SHARED file 0

isFailure :: Ptr Word8 -> Bool
isFailure place = place == nullPtr `plusPtr` (-1)

-- | The line that says: this program waits for an event in the memory, and needs the last one no more.
readyLine :: ByteString
readyLine = "lambda-run takes memory\n"

-- | The event that stands there; 'Nothing' when the place is none.
lendEvent :: Memory -> Int -> Int -> IO (Maybe ByteString)
lendEvent memory offset size
  | offset < 0 || size < 0 || offset > half memory || size > half memory - offset = pure Nothing
  | otherwise = do
    place <- readIORef (events memory)
    (event, kept) <- lend (place `plusPtr` offset) size
    Just event <$ writeIORef (lent memory) (Just kept)

-- | Behind an answer: see that nobody needs the last event any more, or give it a place of its own.
takeBack :: Memory -> IO ()
takeBack memory = readIORef (lent memory) >>= mapM_ settle
  where
    settle event = isNeeded event >>= mapM_ moveOut >> writeIORef (lent memory) Nothing
    moveOut (Alive reference) = do
      place <- readIORef (events memory)
      copy <- c_mmap nullPtr size (c_PROT_READ .|. c_PROT_WRITE) (c_MAP_PRIVATE .|. c_MAP_ANONYMOUS) (-1) 0
      when (isFailure copy) noMemory
      _ <- c_memcpy copy place size
      moved <- c_mremap copy size size (mremapMayMove .|. mremapFixed) place
      when (isFailure moved) noMemory
      void (mkWeakIORef reference (void (c_munmap place size)))
      next <- mapFile c_PROT_READ eventFile (half memory)
      when (isFailure next) noMemory
      writeIORef (events memory) next
    size = fromIntegral (half memory)
    noMemory = ioError (userError "lambda-run: no memory for an event that is kept")

-- | Where the answer stands in the memory: its offset. 'Nothing' when it is too large for that.
placeAnswer :: Memory -> ByteString -> IO (Maybe Int)
placeAnswer memory answer
  | B.length answer > half memory = pure Nothing
  | otherwise = do
    place <- readIORef (events memory)
    B.unsafeUseAsCStringLen answer $ \(start, size) -> do
      let offset = castPtr start `minusPtr` place
      if offset >= 0 && offset + size <= half memory
        then pure (Just offset)
        else Just (half memory) <$ c_memcpy (answers memory) (castPtr start) (fromIntegral size)

foreign import capi "sys/mman.h value PROT_READ" c_PROT_READ :: CInt

foreign import capi "sys/mman.h value PROT_WRITE" c_PROT_WRITE :: CInt

foreign import capi "sys/mman.h value MAP_SHARED" c_MAP_SHARED :: CInt

foreign import capi "sys/mman.h value MAP_PRIVATE" c_MAP_PRIVATE :: CInt

foreign import capi "sys/mman.h value MAP_ANONYMOUS" c_MAP_ANONYMOUS :: CInt

-- linux/mman.h; the C library shows them to _GNU_SOURCE only.
mremapMayMove, mremapFixed :: CInt
mremapMayMove = 1
mremapFixed = 2

foreign import capi "fcntl.h value F_SETFD" c_F_SETFD :: CInt

foreign import capi "fcntl.h value FD_CLOEXEC" c_FD_CLOEXEC :: CInt

foreign import capi unsafe "fcntl.h fcntl" c_fcntl :: CInt -> CInt -> CInt -> IO CInt

foreign import ccall unsafe "mmap" c_mmap :: Ptr Word8 -> CSize -> CInt -> CInt -> CInt -> COff -> IO (Ptr Word8)

foreign import ccall unsafe "mremap" c_mremap :: Ptr Word8 -> CSize -> CSize -> CInt -> Ptr Word8 -> IO (Ptr Word8)

foreign import ccall unsafe "munmap" c_munmap :: Ptr Word8 -> CSize -> IO CInt

foreign import ccall unsafe "memcpy" c_memcpy :: Ptr Word8 -> Ptr Word8 -> CSize -> IO (Ptr Word8)
