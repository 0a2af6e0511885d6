using System.Text.Json;
using AkkaCharging.Settings;

namespace AkkaCharging.Host.Http;

/// <summary>Finds the fields that a caller may have meant by those that the API does not know.</summary>
/// <remarks>
/// A name of a body is anybody's text. Only a name that is nearly a known one is ever shown, so it cannot be a driver
/// token, and only its letters, digits and separators.
/// </remarks>
internal static class MisspeltField
{
    private const int NamesMax = 32;
    private const int LengthMax = 32;

    /// <summary>Returns the fields that are nearly named, each with the first name that the caller wrote.</summary>
    /// <param name="body">An object in well-formed JSON.</param>
    /// <param name="known">The names that the API reads.</param>
    public static Dictionary<string, string> FindAll(ReadOnlySpan<byte> body, IReadOnlyCollection<string> known)
    {
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        var reader = new Utf8JsonReader(body);
        reader.Read();
        for (var read = 0; read < NamesMax && reader.Read() && reader.TokenType == JsonTokenType.PropertyName; read++)
        {
            if (
                Name(ref reader) is { } given
                && !known.Contains(given, StringComparer.Ordinal)
                && UnknownKeys.MostAlike(Bare(given), known) is { } meant
            )
                found.TryAdd(meant, given);
            reader.Read();
            reader.Skip();
        }

        return found;
    }

    private static string? Name(ref Utf8JsonReader reader)
    {
        if (reader.ValueSpan.Length > LengthMax)
            return null;
        foreach (var letter in reader.ValueSpan)
        {
            if (!char.IsAsciiLetterOrDigit((char)letter) && letter is not ((byte)'_' or (byte)'-' or (byte)'.'))
                return null;
        }

        return reader.GetString();
    }

    private static string Bare(string name) => string.Concat(name.Where(char.IsAsciiLetterOrDigit));
}
