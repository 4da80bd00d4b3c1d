{-# LANGUAGE OverloadedStrings #-}

-- | A program with hs/lambda-run that does what its event asks for.
module Main (main) where

import qualified AWS.Lambda.Run as Lambda
import qualified AWS.Lambda.Run.Log as Log
import Control.Concurrent (forkFinally, forkIO, myThreadId, newEmptyMVar, putMVar, takeMVar, threadDelay, throwTo, yield)
import Control.Exception (AsyncException (..), Exception, SomeException, catch, evaluate, throwIO, uninterruptibleMask_)
import Control.Monad (forever)
import qualified Data.ByteString.Char8 as B
import Data.IORef (IORef, atomicModifyIORef', newIORef, readIORef)
import System.Environment (lookupEnv)
import System.Exit (ExitCode (..), exitWith)
import System.IO (BufferMode (..), hClose, hPutStrLn, hSetBuffering, stderr, stdout)
import System.IO.Unsafe (unsafePerformIO)
import System.Process (readProcess)
import System.Timeout (timeout)

-- | By the thread that the first event starts.
counted :: IORef Int
counted = unsafePerformIO (newIORef 0)
{-# NOINLINE counted #-}

data Odd' = Odd' deriving (Show)

instance Exception Odd'

main :: IO ()
main = Lambda.runAnswers begin $ \served context event -> do
  before <- atomicModifyIORef' served (\n -> (n + 1, n))
  maybe (Lambda.Whole <$> whole before context event) pure (streamed event)
  where
    begin = do
      lookupEnv "BEGIN_READS" >>= mapM_ (const (B.getContents >>= B.putStr))
      lookupEnv "NO_BEGIN" >>= maybe (newIORef (0 :: Int)) (ioError . userError)
    ticking ticks = threadDelay 1000 >> atomicModifyIORef' ticks (\n -> (n + 1, ())) >> ticking ticks
    streamed event = case event of
      "\"stream\"" -> Just . Lambda.Streamed (Lambda.Http 201 [("content-type", "text/plain"), ("x", "1"), ("X", "2"), ("Set-Cookie", "b=2")] ["a=1"]) $ \write ->
        write "one " >> threadDelay 200000 >> write "two"
      "\"stream bytes\"" -> Just (Lambda.Streamed Lambda.Bytes ($ "bytes"))
      "\"stream in time\"" -> Just (Lambda.Streamed (Lambda.page 200 "a/b") (\write -> timeout 50000 (mapM_ write (replicate 4000 (B.replicate 50000 'p'))) >> write "end"))
      "\"stream nothing\"" -> Just (Lambda.Streamed (Lambda.Http 204 [] []) (const (pure ())))
      "\"stream silence\"" -> Just (Lambda.Streamed Lambda.Bytes (const (pure ())))
      "\"stream early\"" -> Just (Lambda.Streamed (Lambda.page 200 "text/html") (const (Lambda.failWith "TooEarly" "no page")))
      "\"stream late\"" -> Just (Lambda.Streamed (Lambda.page 200 "text/html") (\write -> write "first" >> Lambda.failWith "TooLate" "half a page"))
      "\"stream slow\"" -> Just (Lambda.Streamed (Lambda.page 200 "text/html") (\write -> write "first" >> threadDelay 60000000))
      "\"stream much\"" -> Just (Lambda.Streamed Lambda.Bytes (\write -> mapM_ (const (write (B.replicate 1000000 'x'))) [1 .. 20 :: Int]))
      "\"masked stream\"" -> Just (Lambda.Streamed Lambda.Bytes (\write -> uninterruptibleMask_ (threadDelay 3000000) >> write "never"))
      "\"stream endless\"" -> Just (Lambda.Streamed Lambda.Bytes (\write -> forever (write (B.replicate 1000000 'x') >> threadDelay 10000)))
      "\"stream on\"" -> Just . Lambda.Streamed Lambda.Bytes $ \write ->
        mapM_ (const (write (B.replicate 1000000 'x') `catch` \problem -> const (pure ()) (problem :: SomeException))) [1 .. 20 :: Int]
      "\"stream kept\"" -> Just . Lambda.Streamed Lambda.Bytes $ \write -> do
        write "kept"
        () <$ forkIO (forever (threadDelay 10000 >> write "late"))
      "\"stream in threads\"" -> Just . Lambda.Streamed Lambda.Bytes $ \write -> do
        done <- mapM (\n -> newEmptyMVar >>= \end -> end <$ forkFinally (mapM_ (const (write (B.replicate 50 n) >> yield)) [1 .. 100 :: Int]) (const (putMVar end ()))) ['1' .. '8']
        mapM_ takeMVar done
      "\"stream bad head\"" -> Just (Lambda.Streamed (Lambda.Http 200 [("x", error "inner")] []) ($ "x"))
      "\"stream odd head\"" -> Just (Lambda.Streamed (Lambda.Http 200 [("x", "\255\r\ny: \237\160\128\195\188")] []) ($ "x"))
      "\"stream bad piece\"" -> Just (Lambda.Streamed Lambda.Bytes ($ error "inner"))
      _ -> Nothing
    whole before context event = case event of
      "\"log\"" -> "1" <$ (Log.logDebug context "a detail" >> Log.logAt Log.Warn context [("order", "7 \"x\""), ("level", "high")] "two\nlines")
      "\"count\"" -> pure (B.pack (show before))
      "\"throw\"" -> ioError (userError "no \"way\" \955")
      "\"exit\"" -> exitWith (ExitFailure 3)
      "\"sleep\"" -> "" <$ threadDelay 60000000
      "\"fallback\"" -> ("" <$ threadDelay 60000000) `catch` \problem -> "\"too late\"" <$ print (problem :: SomeException)
      "\"spin\"" -> B.pack . show <$> evaluate (length [n | n <- [1 .. 10 ^ (12 :: Int)], n * n == (before :: Int)])
      "\"bad message\"" -> ioError (userError ("bad " ++ error "inner"))
      "\"endless message\"" -> ioError (userError (cycle "x\xD800"))
      "\"close\"" -> "1" <$ hClose stdout
      "\"empty\"" -> pure ""
      "\"large\"" -> pure (B.replicate 6291557 ' ')
      "\"named\"" -> Lambda.failWith "Out.OfStock" "none left"
      "\"named like ours\"" -> Lambda.failWith "Function.my_odd9" ""
      "\"odd\"" -> throwIO Odd'
      "\"bad trace\"" -> throwIO (Lambda.Failure "Odd" "m" ["a", error "inner"])
      "\"bad failure\"" -> throwIO (Lambda.Failure "Odd" (error "inner") [])
      "\"long failure\"" -> throwIO (Lambda.Failure "Odd" (B.replicate 7000000 'm') (cycle ["a line"]))
      "\"no text\"" -> Lambda.failWith "Odd" "\255 \237\160\128 \195"
      "\"stack\"" -> error "with a stack"
      "\"overflow\"" -> throwIO StackOverflow
      "\"linked\"" -> do
        self <- myThreadId
        _ <- forkIO (throwTo self ThreadKilled)
        "" <$ threadDelay 10000000
      "\"linked soon\"" -> do
        self <- myThreadId
        "1" <$ forkIO (threadDelay 1000 >> if even before then throwTo self ThreadKilled else throwTo self Odd')
      "\"linked late\"" -> do
        self <- myThreadId
        B.concat ["\"", B.replicate 6000000 'x', "\""] <$ forkIO (threadDelay 500000 >> throwTo self ThreadKilled)
      "\"masked\"" -> "\"never\"" <$ uninterruptibleMask_ (threadDelay 3000000)
      "\"nap\"" -> "1" <$ threadDelay 300000
      "\"ticks\"" -> do
        _ <- if before == 0 then () <$ forkIO (ticking counted) else pure ()
        B.pack . show <$> readIORef counted
      "\"trace\"" -> B.pack . show <$> lookupEnv "_X_AMZN_TRACE_ID"
      "\"print late\"" -> "1" <$ (hSetBuffering stdout (BlockBuffering Nothing) >> putStrLn "said in time" >> threadDelay 60000000)
      "\"print all\"" -> "1" <$ (putStrLn "\955" >> readProcess "printf" ["\955"] "" >>= hPutStrLn stderr)
      "\"print\"" -> "1" <$ putStrLn "a print"
      "\"context\"" -> do
        left <- Lambda.remainingMs context
        pure . B.pack . show $
          [ show (B.unpack (Lambda.requestId context)),
            maybe "" B.unpack (Lambda.invokedFunctionArn context),
            maybe "" B.unpack (Lambda.traceId context),
            maybe "" B.unpack (Lambda.clientContext context),
            maybe "" B.unpack (Lambda.functionName context),
            maybe "" show (Lambda.memoryLimitMb context),
            show (maybe False (\ms -> ms > 8000 && ms <= 10000) left)
          ]
      _ -> pure event
