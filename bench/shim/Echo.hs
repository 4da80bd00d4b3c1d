-- | Answers with its event, in every way hs/lambda-run knows.
module Main (main) where

import qualified AWS.Lambda.Run as Lambda

main :: IO ()
main = Lambda.run (\_ event -> pure event)
