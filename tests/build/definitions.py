"""Kinds of definitions that a generated Haskell module may have."""

from __future__ import annotations

import re
from typing import NamedTuple

BROKEN = "broken = (\n"


def kinds(text: str) -> dict[str, str]:
    """A table of definitions, each below its name."""
    rows = re.split(r"(?m)^-- (\w+)\n", text)[1:]
    return dict(zip(rows[::2], rows[1::2], strict=True))


# {f}: its name, {n}: its number, {u} and {v}: what it uses
KINDS = kinds("""\
-- plain
{f} :: Int -> Int
{f} x = {u} (x + {n}) + {v} {n}

-- caf
{f}c :: [Int]
{f}c = map {u} [{n} .. ]
{f} :: Int -> Int
{f} x = {f}c !! (x `mod` 7) + {v} x

-- noinline
{{-# NOINLINE {f} #-}}
{f} :: Int -> Int
{f} x = case x of {{ {n} -> {u} x; _ -> {v} (x - {n}) }}

-- inline
{{-# INLINE {f} #-}}
{f} :: Int -> Int
{f} = {u} . {v} . (* {n})

-- data
data T{f} = A{f} Int | B{f} [T{f}] | C{f} deriving (Show, Eq, Ord)
{f} :: Int -> Int
{f} x = length (show (maximum [A{f} ({u} x), B{f} [A{f} {n}, C{f}]])) + {v} x

-- class
class K{f} a where {{ k{f} :: a -> Int; k{f} _ = {u} {n} }}
instance K{f} Int where k{f} = {v}
instance K{f} a => K{f} [a] where k{f} = sum . map k{f}
instance K{f} Bool
{f} :: Int -> Int
{f} x = k{f} [x, {n}] + k{f} (even x)

-- local
{f} :: Int -> Int
{f} x = go {n} x
 where
  go 0 a = {u} a
  go i a | even a = back i (a + 1) | otherwise = go (i - 1) ({v} a)
  back i a = go (i - 1 :: Int) (a + x)

-- text
{f} :: Int -> Int
{f} x = length (concatMap show [{u} x .. {n}] ++ "text {n}") + {v} x

-- record
data R{f} = R{f} {{ one{f} :: !Int, two{f} :: Int -> Int }}
{f}r :: R{f}
{f}r = R{f} {n} {u}
{f} :: Int -> Int
{f} x = two{f} {f}r {{ one{f} = x }} (one{f} {f}r) + {v} x

-- integer
{f} :: Int -> Int
{f} x = fromInteger (product [1 .. {n} + fromIntegral ({u} x) `mod` 9] `mod` 1009) + {v} x

-- twins
{f}a, {f}b :: [Int]
{f}a = {n} : map (+ {u} 1) {f}b
{f}b = scanl (+) {n} {f}a
{f} :: Int -> Int
{f} x = {f}b !! (x `mod` 5) + {v} x

-- either
{f} :: Int -> Int
{f} x = either length {u} (if x > {n} then Left (show x) else Right ({v} x))
""")
READING = kinds("""\
-- splice
{f} :: Int -> Int
{f} x = {u} x + {v} {n}
  + $(runIO (readFile "d{d}.txt") >>= litE . integerL . toInteger . length)

-- quote
{f} :: Int -> Int
{f} x = $(foldr (\\i e -> [| i + $e |]) [| {u} x |] [1 .. {n} :: Int]) + {v} x
""")
CPP = kinds("""\
-- macro
{f} :: Int -> Int
{f} x = {u} x + N{d} * {v} {n}
""")
HEADS = {
    "splice": "TemplateHaskell",
    "quote": "TemplateHaskell",
    "macro": "CPP",
}
DATA = 3  # data files, and macros of the header


class Definition(NamedTuple):
    """One function: its kind, its own number, what it uses."""

    kind: str
    name: str
    number: int
    uses: tuple[int, int]
    comment: str = ""


class Module(NamedTuple):
    """A module of a family; `broken`: it does not compile."""

    name: str
    definitions: tuple[Definition, ...]
    broken: bool = False


TOP = Definition("plain", "top", 1, (0, 0))


def distinct(module: Module) -> list[Definition]:
    """Its definitions, the first of each name."""
    return list({item.name: item for item in reversed(module.definitions)}.values())[::-1]
