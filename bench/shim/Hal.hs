-- | The peer hal: answers with its event.
module Main (main) where

import AWS.Lambda.Runtime (pureRuntime)
import Data.Aeson (Value)

main :: IO ()
main = pureRuntime (id :: Value -> Value)
