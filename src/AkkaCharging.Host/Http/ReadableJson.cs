using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace AkkaCharging.Host.Http;

/// <summary>Writes JSON for people too: apostrophes and letters as they are, control characters escaped.</summary>
internal static class ReadableJson
{
    // No response or line is ever part of a page, so an apostrophe needs no escape.
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static ReadOnlyMemory<byte> Bytes<T>(T value, JsonTypeInfo<T> type)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(bytes, Options))
            JsonSerializer.Serialize(writer, value, type);
        return bytes.WrittenMemory;
    }

    public static string Text<T>(T value, JsonTypeInfo<T> type) => Encoding.UTF8.GetString(Bytes(value, type).Span);
}
