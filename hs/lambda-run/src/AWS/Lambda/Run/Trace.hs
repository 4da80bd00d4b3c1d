{-# LANGUAGE CPP #-}

-- | Where an exception was thrown, which GHC keeps beside it since 9.10.
module AWS.Lambda.Run.Trace (traceOf) where

import Control.Exception (SomeException)
#if MIN_VERSION_base(4,20,0)
import Control.Exception (someExceptionContext)
import Control.Exception.Context (displayExceptionContext)
import Data.List (isInfixOf, isSuffixOf)
#endif

-- | Lines, the innermost first, without GHC's own; none from an older GHC.
traceOf :: SomeException -> [String]
#if MIN_VERSION_base(4,20,0)
traceOf = filter told . map (dropWhile (== ' ')) . lines . take 65536 . displayExceptionContext . someExceptionContext
  where
    told line = not (null line || "backtrace:" `isSuffixOf` line || " in ghc-internal:" `isInfixOf` line)
#else
traceOf _ = []
#endif
