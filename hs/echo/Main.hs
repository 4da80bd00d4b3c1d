-- | Answers with what it was given: the event and its context.
module Main (main) where

main :: IO ()
main = interact id
