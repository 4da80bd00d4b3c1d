/* shim/json.c by itself: reads `<length>\n<bytes>` again and again; prints 1 or 0 (is it JSON), a space, and the bytes
   as a JSON string. */
#include "text.c"
#include "json_text.c"
#include "json.c"


int main(void)
{
    size_t size;
    while (scanf("%zu", &size) == 1 && getchar() == '\n') {
        struct buffer out = {0};
        char *text = malloc(size ? size : 1); /* exactly so large: the sanitizers see one byte too far */
        if (fread(text, 1, size, stdin) != size)
            return 1;
        append_text(&out, is_json(text, size) ? "1 " : "0 ");
        append_quoted(&out, text, size);
        append_text(&out, "\n");
        fwrite(out.data, 1, out.size, stdout);
        fflush(stdout);
        free(text);
        release(&out);
    }
    release_spares();
    return 0;
}
