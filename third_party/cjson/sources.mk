# What is built of cJSON: the core only, without a heap of its own (see no_heap.c).
SOURCES_cjson := build/third_party/cjson/cJSON.c

# What a user of the library must see.
INCLUDES_cjson := -isystem build/third_party/cjson

FLAGS_cjson := -DCJSON_NESTING_LIMIT=64 -Dmalloc=cjson_no_malloc -Dfree=cjson_no_free -Drealloc=cjson_no_realloc \
    -Dstrtod=cjson_skip_number -Wno-float-conversion
