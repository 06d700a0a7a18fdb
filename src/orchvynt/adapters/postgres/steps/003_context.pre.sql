-- What a caller's context, as JSON, says under a path such as `user.tier`: `decisions.billing.dimensions.context_value` in the database's
-- words. Zero characters, which no text here may hold, stand as `texts.py` writes them; \u escapes count behind an even number of backslashes.
CREATE FUNCTION context_value(context text, path text) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    marked boolean := position('\u0000' IN context) > 0 OR position('\u001a' IN context) > 0;
    found  json;
    name   text;
BEGIN
    IF context = '' THEN
        RETURN '';
    END IF;
    IF marked THEN
        context := regexp_replace(context, '(?<!\\)((?:\\\\)*)\\u001a', '\1\\u001a1', 'g');
        context := regexp_replace(context, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\u001a0', 'g');
    END IF;
    found := context::json;
    FOREACH name IN ARRAY string_to_array(path, '.') LOOP
        IF found IS NULL OR json_typeof(found) <> 'object' THEN
            RETURN '';
        END IF;
        found := found -> name;
    END LOOP;
    IF found IS NULL OR json_typeof(found) = 'null' THEN
        RETURN '';
    END IF;
    IF json_typeof(found) = 'string' THEN
        RETURN found #>> '{}';
    END IF;
    IF marked THEN
        RETURN regexp_replace(
            regexp_replace(found::text, '(?<!\\)((?:\\\\)*)\\u001a0', '\1\\u0000', 'g'), '(?<!\\)((?:\\\\)*)\\u001a1', '\1\\u001a', 'g'
        );
    END IF;
    RETURN found::text;
END
$$;
