/* The assembler that GHC calls: the compiler's own, and then the static reference tables of the object in one order.

   in   the words that GHC gives to its assembler (-pgma), among them `-o OBJECT`
   out  the same object, its static reference tables (SRT) sorted; the exit code of the assembler

   GHC before 9.12 lists the closures of an SRT in the order of its uniques: that in which one session met the names
   (GHC.Cmm.Info.Build: `Set CAFLabel`, ordered by Name). A module that is compiled alone, and not with all others,
   meets them in another one, and gets other bytes. An SRT is a set to the collector, so any order is right, and ours
   depends on the object alone: first what is local, by its place, then symbols by their name.

   An SRT is found by what the linker is told of it, never by guessing:
     - a word `stg_SRT_<n>_info`, then n words, each a relocation;
     - a static function with n pointers, which are those of its SRT: its info table (rts/storage/InfoTables.h: pointers,
       others, type, SRT, 4 bytes each, just before the code) has the type FUN_STATIC and says n.
   More than 16 closures are a chain (GHC.Cmm.Info.Build, buildSRTChain): one word of a table of 16 is a table to which
   nothing else refers; its closures are sorted as one set. Whatever is not as described here is left as it is. */
#include <elf.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CC
#define CC "gcc"
#endif

enum { FUN_STATIC = 14, LARGEST = 16, MOST = 1 << 16, NEAR = 8 }; /* rts/storage/ClosureTypes.h, since GHC 8.2 */

struct table {
    Elf64_Rela *word; /* of its header; its closures are the words behind it, one relocation each */
    unsigned count;
    bool is_srt;   /* an stg_SRT, which may be a part of a chain; else a static function */
    unsigned link; /* the word that leads to the rest of a chain */
    struct table *rest;
    bool is_rest; /* of another one's chain */
};

extern char **environ;
static unsigned char *image;
static size_t size;
static Elf64_Shdr *section;
static unsigned sections;
static Elf64_Sym *symbol;
static size_t symbols;
static const char *names;
static unsigned address; /* the kind of a relocation that is an address of 8 bytes */

static Elf64_Sym *target(const Elf64_Rela *word)
{
    return symbol + ELF64_R_SYM(word->r_info);
}

static Elf64_Sxword place(const Elf64_Rela *word)
{
    return (Elf64_Sxword)target(word)->st_value + word->r_addend;
}

static bool is_local(const Elf64_Sym *of)
{
    return of->st_shndx != SHN_UNDEF && ELF64_ST_BIND(of->st_info) == STB_LOCAL;
}

static int compare(const void *left, const void *right)
{
    const Elf64_Rela *a = left, *b = right;
    const Elf64_Sym *one = target(a), *other = target(b);
    if (is_local(one) != is_local(other))
        return is_local(one) ? -1 : 1;
    int order = is_local(one) ? (one->st_shndx > other->st_shndx) - (one->st_shndx < other->st_shndx)
                              : strcmp(names + one->st_name, names + other->st_name);
    Elf64_Sxword here = is_local(one) ? place(a) : a->r_addend, there = is_local(one) ? place(b) : b->r_addend;
    return order ? order : (here > there) - (here < there);
}

/* The number of closures that a header announces: a table's by its name, a static function's by its info table. */
static unsigned announced(const Elf64_Rela *word, bool *is_srt)
{
    const Elf64_Sym *of = target(word);
    unsigned count = 0;
    char end = 0;
    *is_srt = of->st_shndx == SHN_UNDEF;
    if (*is_srt)
        return sscanf(names + of->st_name, "stg_SRT_%u_inf%c", &count, &end) == 2 && end == 'o' && !word->r_addend &&
                       count <= LARGEST
                   ? count
                   : 0;
    if (of->st_shndx >= sections)
        return 0;
    const Elf64_Shdr *code = section + of->st_shndx;
    Elf64_Word info[4];
    if (!(code->sh_flags & SHF_EXECINSTR) || code->sh_type != SHT_PROGBITS || place(word) < (Elf64_Sxword)sizeof info ||
        (Elf64_Xword)place(word) > code->sh_size)
        return 0;
    memcpy(info, image + code->sh_offset + place(word) - sizeof info, sizeof info);
    return info[2] == FUN_STATIC && !info[1] && info[0] < MOST ? info[0] : 0;
}

/* The tables among the relocations of a section; `found` has room for one each. */
static size_t find_tables(Elf64_Rela *words, size_t count, struct table *found)
{
    size_t tables = 0;
    for (size_t index = 0; index < count; index++) {
        bool is_srt;
        if (ELF64_R_TYPE(words[index].r_info) != address)
            continue;
        unsigned closures = announced(words + index, &is_srt);
        if (closures < 2 || closures >= count - index)
            continue;
        unsigned next = 1;
        while (next <= closures && words[index + next].r_offset == words[index].r_offset + 8 * next &&
               ELF64_R_TYPE(words[index + next].r_info) == address)
            next++;
        if (next <= closures)
            continue;
        found[tables++] = (struct table){.word = words + index, .count = closures, .is_srt = is_srt};
        index += closures;
    }
    return tables;
}

/* How many relocations of the whole object lead to a place of a section, or so near that they may. */
static unsigned references(unsigned to, Elf64_Sxword there)
{
    unsigned found = 0;
    for (unsigned number = 0; number < sections; number++) {
        if (section[number].sh_type != SHT_RELA)
            continue;
        Elf64_Rela *word = (Elf64_Rela *)(void *)(image + section[number].sh_offset);
        for (size_t left = section[number].sh_size / sizeof *word; left; left--, word++)
            found += target(word)->st_shndx == to && place(word) >= there - NEAR && place(word) < there + NEAR;
    }
    return found;
}

/* Find what continues a full table: a table of the same section that nothing else refers to. It goes to the front. */
static void find_rest(struct table *head, struct table *found, size_t tables, unsigned data)
{
    for (unsigned index = 1; index <= head->count; index++) {
        Elf64_Rela *word = head->word + index;
        if (target(word)->st_shndx != data || !is_local(target(word)))
            continue;
        for (struct table *rest = found; rest < found + tables; rest++) {
            if (rest == head || !rest->is_srt || (Elf64_Sxword)rest->word->r_offset != place(word) ||
                references(data, place(word)) != 1)
                continue;
            if (head->rest) { /* two: no chain that GHC makes */
                head->rest = NULL;
                return;
            }
            head->rest = rest, head->link = index;
        }
    }
}

static void swap(Elf64_Rela *one, Elf64_Rela *other)
{
    Elf64_Rela held = *one;
    one->r_info = other->r_info, one->r_addend = other->r_addend;
    other->r_info = held.r_info, other->r_addend = held.r_addend;
}

static void sort_section(Elf64_Rela *words, size_t count, unsigned data)
{
    struct table *found = calloc(count + 1, sizeof *found);
    Elf64_Rela *held = calloc(count + 1, sizeof *held);
    if (!found || !held)
        abort();
    size_t tables = find_tables(words, count, found);
    for (struct table *head = found; head < found + tables; head++)
        if (head->is_srt && head->count == LARGEST)
            find_rest(head, found, tables, data);
    for (struct table *head = found; head < found + tables; head++)
        if (head->rest) {
            head->rest->is_rest = true;
            swap(head->word + 1, head->word + head->link);
        }
    for (struct table *head = found; head < found + tables; head++) {
        if (head->is_rest)
            continue;
        size_t all = 0, taken = 0;
        for (struct table *part = head; part; part = part->rest)
            for (unsigned index = part->rest ? 2 : 1; index <= part->count; index++)
                held[all++] = part->word[index];
        qsort(held, all, sizeof *held, compare);
        for (struct table *part = head; part; part = part->rest)
            for (unsigned index = part->rest ? 2 : 1; index <= part->count; index++, taken++)
                part->word[index].r_info = held[taken].r_info, part->word[index].r_addend = held[taken].r_addend;
    }
    free(found), free(held);
}

static bool is_inside(Elf64_Off offset, Elf64_Xword length)
{
    return offset <= size && length <= size - offset;
}

/* Whether the file is an object of this kind of machine whose parts are where it says; then all of it may be read. */
static bool is_object(void)
{
    const Elf64_Ehdr *head = (const Elf64_Ehdr *)(void *)image;
    if (size < sizeof *head || memcmp(head->e_ident, ELFMAG, SELFMAG) || head->e_ident[EI_CLASS] != ELFCLASS64 ||
        head->e_ident[EI_DATA] != ELFDATA2LSB || head->e_type != ET_REL || head->e_shentsize != sizeof *section ||
        !is_inside(head->e_shoff, (Elf64_Xword)head->e_shnum * sizeof *section))
        return false;
    address = head->e_machine == EM_X86_64 ? R_X86_64_64 : head->e_machine == EM_AARCH64 ? R_AARCH64_ABS64 : 0;
    section = (Elf64_Shdr *)(void *)(image + head->e_shoff), sections = head->e_shnum;
    for (unsigned number = 0; number < sections; number++) {
        const Elf64_Shdr *each = section + number;
        if (each->sh_type != SHT_NOBITS && !is_inside(each->sh_offset, each->sh_size))
            return false;
        if (each->sh_type != SHT_SYMTAB || each->sh_link >= sections)
            continue;
        symbol = (Elf64_Sym *)(void *)(image + each->sh_offset), symbols = each->sh_size / sizeof *symbol;
        names = (const char *)image + section[each->sh_link].sh_offset;
        if (!section[each->sh_link].sh_size || names[section[each->sh_link].sh_size - 1])
            return false;
        for (size_t index = 0; index < symbols; index++)
            if (symbol[index].st_name >= section[each->sh_link].sh_size)
                return false;
    }
    for (unsigned number = 0; number < sections; number++) {
        const Elf64_Rela *word = (const Elf64_Rela *)(void *)(image + section[number].sh_offset);
        for (size_t left = section[number].sh_type == SHT_RELA ? section[number].sh_size / sizeof *word : 0; left; left--)
            if (ELF64_R_SYM((word++)->r_info) >= symbols)
                return false;
    }
    return address && symbols;
}

static void sort_object(const char *path)
{
    int file = open(path, O_RDWR);
    struct stat status;
    if (file < 0 || fstat(file, &status) || !S_ISREG(status.st_mode) || !status.st_size)
        return; /* -o /dev/null, and the like */
    size = (size_t)status.st_size;
    image = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (image == MAP_FAILED || !is_object())
        return;
    for (unsigned number = 0; number < sections; number++) {
        const Elf64_Shdr *each = section + number;
        if (each->sh_type == SHT_RELA && each->sh_info < sections && section[each->sh_info].sh_flags & SHF_WRITE)
            sort_section((Elf64_Rela *)(void *)(image + each->sh_offset), each->sh_size / sizeof(Elf64_Rela), each->sh_info);
    }
    munmap(image, size);
    close(file);
}

int main(int count, char **words)
{
    pid_t child;
    int status;
    static char compiler[] = CC;
    words[0] = compiler;
    if (posix_spawnp(&child, compiler, NULL, NULL, words, environ)) {
        perror(compiler);
        return 127;
    }
    while (waitpid(child, &status, 0) < 0)
        ;
    if (!WIFEXITED(status) || WEXITSTATUS(status))
        return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
    for (int index = 1; index + 1 < count; index++)
        if (!strcmp(words[index], "-o"))
            sort_object(words[index + 1]);
    return 0;
}
