{-# LANGUAGE ExistentialQuantification #-}

-- | Memory that is lent to one event after the other. Fresh pages for each large one would cost more than its bytes do.
--
-- What is lent is a 'ByteString' like any other: the garbage collector tells when nobody needs it any more.
module AWS.Lambda.Run.Place
  ( Place,
    newPlace,
    borrowed,
    filled,
    leastLarge,
    Alive (..),
    Lent,
    lend,
    isNeeded,
  )
where

import Data.ByteString (ByteString)
import qualified Data.ByteString as B
import qualified Data.ByteString.Internal as B (fromForeignPtr, mallocByteString)
import Data.IORef
import Data.Maybe (isJust)
import Data.Word (Word8)
import Foreign.ForeignPtr (newForeignPtr_, withForeignPtr)
import Foreign.Marshal.Alloc (mallocBytes)
import Foreign.Ptr (Ptr, nullPtr)
import GHC.ForeignPtr (ForeignPtr (..), ForeignPtrContents (..))
import System.Mem (performMinorGC)
import System.Mem.Weak (Weak, deRefWeak)

-- | What lives as long as the bytes do. (Older GHCs do not name the type of what it holds.)
data Alive = forall finalizers. Alive (IORef finalizers)

-- | Somebody has these bytes.
data Lent = forall finalizers. Lent (Weak (IORef finalizers))

-- | The bytes that stand there, and what tells whether they are needed still.
lend :: Ptr Word8 -> Int -> IO (ByteString, Lent)
lend start size = do
  pointer@(ForeignPtr _ (PlainForeignPtr alive)) <- newForeignPtr_ start
  weak <- mkWeakIORef alive (pure ())
  pure (B.fromForeignPtr pointer 0 size, Lent weak)

-- | 'Nothing' once nobody needs them.
isNeeded :: Lent -> IO (Maybe Alive)
isNeeded (Lent weak) = deRefWeak weak >>= maybe (pure Nothing) (const (performMinorGC >> fmap Alive <$> deRefWeak weak))

-- | Where it is, once it was needed, and who has it.
data Place = Place !(IORef (Ptr Word8)) !(IORef (Maybe Lent))

-- | Takes memory when the first large event comes.
newPlace :: IO Place
newPlace = Place <$> newIORef nullPtr <*> newIORef Nothing

-- | All of it, and where it begins; 'Nothing' where the last bytes are needed still. Who borrows it fills it at once.
borrowed :: Place -> IO (Maybe (ByteString, Ptr Word8))
borrowed (Place place borrower) = do
  needed <- readIORef borrower >>= maybe (pure Nothing) isNeeded
  if isJust needed then pure Nothing else Just <$> there
  where
    there = do
      known <- readIORef place
      start <- if known == nullPtr then mallocBytes room else pure known
      writeIORef place start
      (whole, lent) <- lend start room
      (whole, start) <$ writeIORef borrower (Just lent)
    room = 0x800000 -- bytes: above Lambda's limit; pages that nobody has written to are none

-- | So many bytes, as the action writes them: there where they are large, and where it is free.
filled :: Place -> Int -> (Ptr Word8 -> IO ()) -> IO ByteString
filled place size fill = do
  free <- if size < leastLarge then pure Nothing else borrowed place
  case free of
    Just (whole, start) | size <= B.length whole -> B.take size whole <$ fill start
    _ -> do
      memory <- B.mallocByteString size
      withForeignPtr memory fill
      pure (B.fromForeignPtr memory 0 size)

-- | In bytes. A look of the collector costs more than smaller ones do.
leastLarge :: Int
leastLarge = 65536
