"""What the files of a mixture hold: patterns, {i} the number of one of several, {n} that which edits change."""

from __future__ import annotations

HEAD = "cabal-version: 2.4\nname: {}\nversion: {}\n"
LIBRARY = "library\n  exposed-modules: {}\n  default-language: Haskell2010\n  build-depends: base{}\n"
SETUP = """import Distribution.Simple
import Distribution.Simple.Setup (buildVerbosity)
main :: IO ()
main = defaultMainWithHooks simpleUserHooks { buildHook = \\p l h f -> do
  text <- readFile "numbers.txt"
  let number = show (sum (map read (lines text) :: [Int]))
  writeFile "Made.hs" ("module Made where\\nmade :: Int -> Int\\nmade x = x + " ++ number ++ "\\n")
  buildHook simpleUserHooks p l h f }
"""
LEXER = """{{
module Lexer where
}}
%wrapper "basic"
tokens :-
  $white+ ;
  [0-9]+ {{ \\s -> Number (read s + {n}) }}
  [\\+\\{o}] {{ \\_ -> Plus }}
{{
data Token = Number Int | Plus deriving (Eq, Show)
}}
"""
GRAMMAR = """{{
module Grammar where
import Lexer
}}
%name calculate
%tokentype {{ Token }}
%error {{ failed }}
%token
  number {{ Number $$ }}
  '+' {{ Plus }}
%%
Sum : Sum '+' number {{ $1 + $3 + {n} }}
    | number {{ $1 }}
{{
failed :: [Token] -> a
failed _ = error "no sum"
}}
"""
TABLE = """{{-# LANGUAGE CPP #-}}
module Table{i} where
#include "own{i}.h"
table :: [Int]
table = map (* OWN{i}) [{n} .. 9]
"""
FOREIGN = """module Outer{i} where
import Foreign.C.Types
#include "own{i}.h"
#include <errno.h>
foreign import ccall "own_add{i}" ownAdd :: CInt -> CInt
errno :: Int
errno = #{{const EDOM}} + #{{const OWN{i}}} + {n}
"""
C_SOURCE = '#include "own{i}.h"\nint own_add{i}(int x) {{ return x + OWN{i} + {n}; }}\n'
READER = """{{-# LANGUAGE TemplateHaskell #-}}
module Mail{i} where
import Language.Haskell.TH
import Language.Haskell.TH.Syntax
text :: String
text = $(do {{ addDependentFile "mail{i}.txt"; runIO (readFile "mail{i}.txt") >>= litE . stringL }}) ++ show {n}
"""
RING = """module Ring where
import {{-# SOURCE #-}} Chain (chain)
ring :: Int -> Int
ring x = if x > {n} then chain (x `div` 2) else x
"""
CHAIN = "module Chain where\nimport Ring (ring)\nchain :: Int -> Int\nchain x = ring (x - {n})\n"
BOOT = "module Chain where\nchain :: Int -> Int\n"
MAIN = """module Main (main) where
import Made (made)
import Paths_p
import Ring (ring)
{imports}
main :: IO ()
main = do
  folder <- getDataFileName "data.txt"
  interact (\\s -> folder ++ show (ring {n}, made (length s), version, [{uses}], [{texts}]))
"""
GENERATED = "build-tools: [alex, happy]\nlibrary:\n  source-dirs: .\n"
BROKEN = "broken = (\n"
YAML = "name: {}\nversion: '{}'\ndependencies: [base{}]\n"
