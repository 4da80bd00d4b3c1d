"""Many small families of modules in one program, edited at random: one build proves as many steps as families changed.

in   a source of chance
out  `Families.edit()` → what was done, in words; `files()` → the sources, by name

A family is a chain of modules, each of which may use all below it. Definitions are of a dozen kinds, all `Int -> Int`,
and name what they use by number, so that whatever is added, moved, renamed or taken away, the program compiles, but for
the edits that break it on purpose. Sessions of GHC see many families at once, which is what made objects differ.
"""

from __future__ import annotations

import copy
from random import Random

from tests.build.definitions import BROKEN, CPP, DATA, HEADS, KINDS, READING, TOP, Definition, Module, distinct


class Families:
    """A program and its edits. `reads`: modules may run code and macros while they are compiled."""

    def __init__(self, chance: Random, count: int, *, reads: bool) -> None:
        self.chance, self.reads = chance, reads
        self.made = 0
        self.kinds = {**KINDS, **(READING | CPP if reads else {})}
        self.families = [[Module(f"F{number}M{place}", self._some(2)) for place in range(3)] for number in range(count)]
        self.data = ["x"] * DATA
        self.header = [1] * DATA
        self.past: list[tuple[int, list[Module]]] = []

    def _some(self, count: int) -> tuple[Definition, ...]:
        return tuple(self._new() for _ in range(count))

    def _new(self) -> Definition:
        self.made += 1
        plain = self.chance.random() < 0.9
        kind = self.chance.choice(sorted(KINDS if plain else self.kinds))
        uses = self.chance.randrange(99), self.chance.randrange(99)
        return Definition(kind, f"f{self.made}", self.chance.randrange(1, 9), uses)

    def files(self) -> dict[str, str]:
        """The sources."""
        found = {"Main.hs": self._main()}
        for family in self.families:
            for place, module in enumerate(family):
                found[f"{module.name}.hs"] = self._text(module, family[:place])
        if self.reads:
            found |= {f"d{number}.txt": text for number, text in enumerate(self.data)}
            found["n.h"] = "".join(f"#define N{number} {value}\n" for number, value in enumerate(self.header))
        return found

    def modules(self) -> list[str]:
        """Names of all modules but Main."""
        return [module.name for family in self.families for module in family]

    def _main(self) -> str:
        tops = [family[-1] for family in self.families]
        calls = ", ".join(f"{top.name}.{(distinct(top) or [TOP])[-1].name} n" for top in tops)
        imports = "".join(f"import qualified {top.name}\n" for top in tops)
        shown = f"main :: IO ()\nmain = interact $ \\s -> let n = length s in show [{calls}]\n"
        return f"module Main (main) where\n{imports}{shown}"

    def _text(self, module: Module, below: list[Module]) -> str:
        known = ["negate", "succ", *(f"{each.name}.{item.name}" for each in below for item in distinct(each))]
        parts = []
        for item in distinct(module):
            u, v = (known[-1 - use % min(len(known), 9)] for use in item.uses)
            text = self.kinds[item.kind].format(f=item.name, n=item.number, u=u, v=v, d=item.number % DATA)
            parts.append((f"-- {item.comment}\n" if item.comment else "") + text)
            known.append(item.name)
        kinds = {item.kind for item in module.definitions}
        languages = sorted({HEADS[kind] for kind in kinds if kind in HEADS})
        head = "".join(f"{{-# LANGUAGE {name} #-}}\n" for name in languages) + f"module {module.name} where\n"
        head += "import Language.Haskell.TH\n" if kinds & READING.keys() else ""
        head += "".join(f"import qualified {each.name}\n" for each in below)
        head += '#include "n.h"\n' if "CPP" in languages else ""
        rest = "top :: Int -> Int\ntop x = x\n" if not module.definitions else ""
        return head + "\n".join(parts) + rest + (BROKEN if module.broken else "")

    def edit(self) -> str:
        """Change some families, each in a way of its own; what was done."""
        if self.chance.random() < 0.7:
            self.families = [[module._replace(broken=False) for module in family] for family in self.families]
        done = [self._change(number) for number in range(len(self.families)) if self.chance.random() < 0.35]
        if self.reads and self.chance.random() < 0.2:
            self.data[self.chance.randrange(DATA)] = "x" * self.chance.randrange(1, 5)
            done.append("data")
        if self.reads and self.chance.random() < 0.1:
            self.header[self.chance.randrange(DATA)] = self.chance.randrange(1, 5)
            done.append("header")
        return ", ".join(done)

    def _change(self, number: int) -> str:
        family = self.families[number]
        self.past.append((number, copy.copy(family)))
        del self.past[:-40]
        act = self.chance.choice(
            [self._alter] * 4
            + [self._add, self._drop, self._move, self._swap, self._comment]
            + [self._undo] * 3
            + [self._rename, self._split, self._merge, self._break]
        )
        act(number)
        return f"F{number}{act.__name__}"

    def _pick(self, number: int) -> tuple[int, Module]:
        place = self.chance.randrange(len(self.families[number]))
        return place, self.families[number][place]

    def _set(self, number: int, place: int, definitions: list[Definition]) -> None:
        old = self.families[number][place]
        self.families[number][place] = Module(old.name, tuple(definitions))

    def _alter(self, number: int) -> None:
        place, module = self._pick(number)
        items = list(module.definitions)
        if items:
            which = self.chance.randrange(len(items))
            new = self._new()
            keep = self.chance.random() < 0.5
            items[which] = new._replace(name=items[which].name, kind=items[which].kind if keep else new.kind)
        self._set(number, place, items)

    def _add(self, number: int) -> None:
        place, module = self._pick(number)
        items = list(module.definitions)
        items.insert(self.chance.randrange(len(items) + 1), self._new())
        self._set(number, place, items[-6:])

    def _drop(self, number: int) -> None:
        place, module = self._pick(number)
        items = list(module.definitions)
        if items:
            del items[self.chance.randrange(len(items))]
        self._set(number, place, items)

    def _move(self, number: int) -> None:
        place, module = self._pick(number)
        if module.definitions:
            items = list(module.definitions)
            item = items.pop(self.chance.randrange(len(items)))
            self._set(number, place, items)
            other = self.chance.randrange(len(self.families))
            there, into = self._pick(other)
            self._set(other, there, [item, *into.definitions])

    def _swap(self, number: int) -> None:
        place, module = self._pick(number)
        items = list(module.definitions)
        self.chance.shuffle(items)
        self._set(number, place, items)

    def _comment(self, number: int) -> None:
        place, module = self._pick(number)
        items = list(module.definitions)
        if items:
            which = self.chance.randrange(len(items))
            items[which] = items[which]._replace(comment="" if items[which].comment else "said")
        self._set(number, place, items)

    def _undo(self, number: int) -> None:
        """What a family was, some edits ago; a definition that has moved meanwhile is copied by that."""
        self.families[number] = self.chance.choice([before for other, before in self.past if other == number])

    def _rename(self, number: int) -> None:
        place, module = self._pick(number)
        self.made += 1
        self.families[number][place] = module._replace(name=f"{module.name.rstrip('0123456789N')}N{self.made}")

    def _split(self, number: int) -> None:
        if len(self.families[number]) < 5:
            self.made += 1
            self.families[number].insert(0, Module(f"F{number}S{self.made}", self._some(1)))

    def _merge(self, number: int) -> None:
        family = self.families[number]
        if len(family) > 2:
            gone = family.pop(self.chance.randrange(len(family) - 1))
            self._set(number, 0, [*gone.definitions, *family[0].definitions][-6:])

    def _break(self, number: int) -> None:
        """One step in a few does not compile, until it is mended."""
        place, module = self._pick(number)
        if self.chance.random() < 0.1:
            self.families[number][place] = module._replace(broken=True)
