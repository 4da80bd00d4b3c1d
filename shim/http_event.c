/* Which front sent an event, and where the fields stand that a request needs.

   An event that is no object, or lacks what tells a front, is none of HTTP's. */
#include "http.h"

#include <string.h>

static bool holds(const struct json *value, const char *text)
{
    return value->at && memmem(value->at, value->size, text, strlen(text));
}

struct fields {
    struct json version, type, method_arn, route_arn, http_method, method, path, raw_path, lattice_path, raw_query;
    struct json snake_queries, snake_base64, elb, http, http_method_2, network, connection, event_type;
};

struct field {
    const char *name;
    struct json *place;
};

static void read_fields(struct json map, const struct field *fields)
{
    struct json name, value;
    if (!json_is_map(&map))
        return;
    while (json_next(&map, &name, &value))
        for (const struct field *field = fields; field->name; field++)
            if (json_is(&name, field->name)) {
                *field->place = value;
                break;
            }
}

static bool is_version_2_url(const struct http_event *out)
{
    if (holds(&out->domain, ".lambda-url."))
        return true;
    if (json_is(&out->domain, "localhost") || holds(&out->domain, "\"127.0.0.1") || holds(&out->domain, "\"localhost:"))
        return true;
    return out->path.size != out->http_path.size || memcmp(out->path.at, out->http_path.at, out->path.size) != 0;
}

static enum front front_of(const struct fields *f, struct http_event *out)
{
    if ((json_is(&f->type, "REQUEST") || json_is(&f->type, "TOKEN")) && (f->method_arn.at || f->route_arn.at))
        return OTHER; /* an authorizer: one looks like REST, the other like HTTP API */
    if (json_is_map(&f->elb))
        return json_is_map(&out->multi_headers) ? ALB_MULTI : ALB;
    if (json_is(&f->version, "2.0") && json_is_map(&f->http)) {
        out->method = f->http_method_2;
        out->path = f->raw_path.at ? f->raw_path : out->http_path;
        out->query = f->raw_query;
        return !out->path.at || !out->http_path.at || is_version_2_url(out) ? FUNCTION_URL : HTTP_API_2;
    }
    if (json_is(&f->version, "2.0") && f->method.at && f->path.at && f->network.at) {
        out->method = f->method;
        return LATTICE_2;
    }
    if (f->lattice_path.at && f->method.at) {
        out->method = f->method;
        out->path = f->lattice_path;
        out->queries = f->snake_queries;
        out->base64 = f->snake_base64;
        return LATTICE_1;
    }
    if (f->connection.at && f->event_type.at && !f->http_method.at)
        return OTHER; /* a websocket */
    if (f->http_method.at && f->path.at && json_is_map(&out->context))
        return json_is(&f->version, "1.0") ? HTTP_API_1 : REST;
    return OTHER;
}

void http_read_event(struct http_event *out, char *event, size_t size)
{
    struct fields f = {0};
    *out = (struct http_event){0};
    char *start = event ? json_skip_blanks(event, event + size) : event;
    struct json whole = {start, event ? size - (size_t)(start - event) : 0};
    const struct field outer[] = {{"version", &f.version},
                                  {"type", &f.type},
                                  {"methodArn", &f.method_arn},
                                  {"routeArn", &f.route_arn},
                                  {"httpMethod", &f.http_method},
                                  {"method", &f.method},
                                  {"path", &f.path},
                                  {"rawPath", &f.raw_path},
                                  {"raw_path", &f.lattice_path},
                                  {"rawQueryString", &f.raw_query},
                                  {"headers", &out->headers},
                                  {"multiValueHeaders", &out->multi_headers},
                                  {"queryStringParameters", &out->queries},
                                  {"multiValueQueryStringParameters", &out->multi_queries},
                                  {"query_string_parameters", &f.snake_queries},
                                  {"is_base64_encoded", &f.snake_base64},
                                  {"cookies", &out->cookies},
                                  {"body", &out->body},
                                  {"isBase64Encoded", &out->base64},
                                  {"requestContext", &out->context},
                                  {0}};
    if (!whole.size || *whole.at != '{')
        return;
    read_fields(whole, outer);
    const struct field inner[] = {{"elb", &f.elb},
                                  {"http", &f.http},
                                  {"serviceNetworkArn", &f.network},
                                  {"connectionId", &f.connection},
                                  {"eventType", &f.event_type},
                                  {"authorizer", &out->authorizer},
                                  {"stage", &out->stage},
                                  {"domainName", &out->domain},
                                  {0}};
    read_fields(out->context, inner);
    const struct field http[] = {{"method", &f.http_method_2}, {"path", &out->http_path}, {0}};
    read_fields(f.http, http);
    out->method = f.http_method;
    out->path = f.path;
    out->front = front_of(&f, out);
}
