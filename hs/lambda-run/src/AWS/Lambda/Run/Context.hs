{-# LANGUAGE ForeignFunctionInterface #-}
{-# LANGUAGE OverloadedStrings #-}

-- | What a handler is told beside its event.
module AWS.Lambda.Run.Context
  ( Context (..),
    environmentContext,
    remainingMs,
    nowMs,
    date,
    newVariable,
  )
where

import Data.ByteString (ByteString)
import qualified Data.ByteString.Char8 as B
import qualified Data.ByteString.Unsafe as B
import Data.IORef
import Data.Int (Int64)
import Data.Word (Word8)
import Foreign.C.String (CString, withCString)
import Foreign.C.Types (CInt (..), CLong (..), CSize (..))
import Foreign.Marshal.Alloc (allocaBytes, mallocBytes)
import Foreign.Marshal.Utils (copyBytes, with)
import Foreign.Ptr (Ptr, nullPtr, plusPtr)
import Foreign.Storable (peekElemOff, pokeByteOff)
import System.Environment (lookupEnv)
import Text.Read (readMaybe)

-- | Where a field is 'Nothing', Lambda did not send it, or the way the program is driven has no room for it: the bare
-- events of a shim carry the request id at most. @input = "envelope"@ and @process = "native"@ carry everything.
data Context = Context
  { -- | Empty where there is none, as in a shell.
    requestId :: !ByteString,
    -- | When Lambda ends the function, in milliseconds since 1970. See 'remainingMs'.
    deadlineMs :: !(Maybe Int64),
    -- | As the caller named it, with version or alias.
    invokedFunctionArn :: !(Maybe ByteString),
    -- | For X-Ray, as in @_X_AMZN_TRACE_ID@.
    traceId :: !(Maybe ByteString),
    -- | JSON, of mobile clients.
    clientContext :: !(Maybe ByteString),
    -- | JSON, of Amazon Cognito.
    identity :: !(Maybe ByteString),
    -- | Of the tenant, in Lambda's tenant isolation mode.
    tenantId :: !(Maybe ByteString),
    -- | On AWS, not in lambda.toml.
    functionName :: !(Maybe ByteString),
    -- | @$LATEST@, or the number of a published version.
    functionVersion :: !(Maybe ByteString),
    -- | The function's memory, in MB.
    memoryLimitMb :: !(Maybe Int)
  }
  deriving (Eq, Show)

-- | What the environment tells: the function's constants, and under a shim with @prestart = false@ the rest.
environmentContext :: IO Context
environmentContext =
  Context . maybe B.empty id
    <$> text "LAMBDA_RUNTIME_AWS_REQUEST_ID"
    <*> fmap (>>= readMaybe) (lookupEnv "LAMBDA_RUNTIME_DEADLINE_MS")
    <*> text "LAMBDA_RUNTIME_INVOKED_FUNCTION_ARN"
    <*> text "_X_AMZN_TRACE_ID"
    <*> text "LAMBDA_RUNTIME_CLIENT_CONTEXT"
    <*> text "LAMBDA_RUNTIME_COGNITO_IDENTITY"
    <*> text "LAMBDA_RUNTIME_AWS_TENANT_ID"
    <*> text "AWS_LAMBDA_FUNCTION_NAME"
    <*> text "AWS_LAMBDA_FUNCTION_VERSION"
    <*> fmap (>>= readMaybe) (lookupEnv "AWS_LAMBDA_FUNCTION_MEMORY_SIZE")
  where
    text name = withCString name $ \key ->
      c_getenv key >>= \value ->
        if value == nullPtr then pure Nothing else Just <$> B.packCString value -- the bytes, whatever the locale

-- | How many milliseconds are left until Lambda ends the function; 'Nothing' where that is not known.
remainingMs :: Context -> IO (Maybe Int)
remainingMs context = case deadlineMs context of
  Nothing -> pure Nothing
  Just deadline -> Just . fromIntegral . (deadline -) <$> nowMs

-- | Milliseconds since 1970.
nowMs :: IO Int64
nowMs = allocaBytes 16 $ \time -> do
  _ <- c_clock_gettime 0 time
  seconds <- peekElemOff time 0
  nanoseconds <- peekElemOff time 1
  pure (fromIntegral seconds * 1000 + fromIntegral nanoseconds `div` 1000000)

foreign import ccall unsafe "clock_gettime" c_clock_gettime :: CInt -> Ptr CLong -> IO CInt

-- | Milliseconds since 1970 as a date and time of day, such as @2026-11-27T09:30:00.250Z@.
date :: Int64 -> IO ByteString
date ms = with (CLong (ms `div` 1000)) $ \time ->
  allocaBytes 64 $ \parts -> allocaBytes 64 $ \text -> withCString "%Y-%m-%dT%H:%M:%S" $ \format -> do
    _ <- c_gmtime_r time parts
    size <- c_strftime text 64 format parts
    seconds <- B.packCStringLen (text, fromIntegral size)
    pure (B.concat [seconds, ".", B.pack (drop 1 (show (1000 + ms `mod` 1000))), "Z"])

-- | Sets an environment variable of this process, or removes it: always in the same memory, where C's setenv would keep
-- each value for good.
newVariable :: ByteString -> IO (Maybe ByteString -> IO ())
newVariable name = do
  held <- newIORef (nullPtr, 0)
  let place text = do
        (old, room) <- readIORef held
        start <- if B.length text < room then pure old else larger (2 * B.length text + 128)
        B.unsafeUseAsCStringLen text $ \(from, size) -> do
          copyBytes (start `plusPtr` B.length before) from size
          pokeByteOff start (B.length before + size) (0 :: Word8)
        () <$ c_putenv start
      larger room = do
        start <- mallocBytes (B.length before + room)
        B.unsafeUseAsCStringLen before (uncurry (copyBytes start))
        start <$ writeIORef held (start, room)
  pure (maybe (() <$ B.useAsCString name c_unsetenv) place)
  where
    before = name <> "="

foreign import ccall unsafe "gmtime_r" c_gmtime_r :: Ptr CLong -> Ptr () -> IO (Ptr ())

foreign import ccall unsafe "strftime" c_strftime :: CString -> CSize -> CString -> Ptr () -> IO CSize

foreign import ccall unsafe "getenv" c_getenv :: CString -> IO CString

foreign import ccall unsafe "putenv" c_putenv :: CString -> IO CInt

foreign import ccall unsafe "unsetenv" c_unsetenv :: CString -> IO CInt
