{-# LANGUAGE OverloadedStrings #-}

-- | A page that a browser shows while it is made: status and headers go out with its first piece, at a function URL.
module Main (main) where

import AWS.Lambda.Run (Answer (..), page, runAnswers)
import Control.Concurrent (threadDelay)
import Control.Monad (forM_)
import qualified Data.ByteString.Char8 as B

main :: IO ()
main = runAnswers (pure ()) $ \() _ _ ->
  pure . Streamed (page 200 "text/html; charset=utf-8") $ \write -> do
    write "<!doctype html><title>Primes</title><h1>Primes</h1><ul>"
    forM_ (take 20 (sieve [2 ..])) $ \prime -> do
      threadDelay 20000 -- as if each were work
      write ("<li>" <> B.pack (show prime) <> "</li>")
    write "</ul>"

sieve :: [Int] -> [Int]
sieve (first : rest) = first : sieve [n | n <- rest, n `mod` first /= 0]
sieve [] = []
