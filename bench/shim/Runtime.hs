{-# LANGUAGE DataKinds #-}
{-# LANGUAGE OverloadedStrings #-}

-- | The peer aws-lambda-haskell-runtime: answers with its event.
module Main (main) where

import Aws.Lambda
import Data.Aeson (Value)

handler :: Value -> Context () -> IO (Either Value Value)
handler event _ = pure (Right event)

main :: IO ()
main = runLambdaHaskellRuntime defaultDispatcherOptions (pure ()) id (addStandaloneLambdaHandler "handler" handler)
