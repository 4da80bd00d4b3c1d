{-# LANGUAGE ForeignFunctionInterface #-}
{-# LANGUAGE OverloadedStrings #-}

-- | What a handler is told beside its event.
module AWS.Lambda.Run.Context
  ( Context (..),
    environmentContext,
    remainingMs,
    nowMs,
    date,
    setVariable,
  )
where

import Data.ByteString (ByteString)
import qualified Data.ByteString.Char8 as B
import Data.Int (Int64)
import Foreign.C.String (CString, withCString)
import Foreign.C.Types (CInt (..), CLong (..), CSize (..))
import Foreign.Marshal.Alloc (allocaBytes)
import Foreign.Marshal.Utils (with)
import Foreign.Ptr (Ptr, nullPtr)
import Foreign.Storable (peekElemOff)
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

-- | Set an environment variable of this process, or remove it.
setVariable :: ByteString -> Maybe ByteString -> IO ()
setVariable name value = B.useAsCString name $ \key ->
  () <$ maybe (c_unsetenv key) (\text -> B.useAsCString text (\content -> c_setenv key content 1)) value

foreign import ccall unsafe "gmtime_r" c_gmtime_r :: Ptr CLong -> Ptr () -> IO (Ptr ())

foreign import ccall unsafe "strftime" c_strftime :: CString -> CSize -> CString -> Ptr () -> IO CSize

foreign import ccall unsafe "getenv" c_getenv :: CString -> IO CString

foreign import ccall unsafe "setenv" c_setenv :: CString -> CString -> CInt -> IO CInt

foreign import ccall unsafe "unsetenv" c_unsetenv :: CString -> IO CInt
