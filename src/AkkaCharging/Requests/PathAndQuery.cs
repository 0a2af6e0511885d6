using System.Buffers;

namespace AkkaCharging.Requests;

/// <summary>The syntax of a URL's path and query.</summary>
/// <remarks>Source: RFC 3986, sections 3.3 (path-abempty) and 3.4 (query).</remarks>
internal static class PathAndQuery
{
    private static readonly SearchValues<char> AllowedChars = SearchValues.Create(
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/?%"
    );

    /// <summary>Finds the first rule that <paramref name="text"/> breaks.</summary>
    /// <returns>Null when the path and query are valid.</returns>
    public static PathAndQueryFault? FindFault(ReadOnlySpan<char> text)
    {
        if (text.ContainsAnyExcept(AllowedChars))
            return PathAndQueryFault.Character;
        while (text.IndexOf('%') is >= 0 and var percent)
        {
            text = text[(percent + 1)..];
            if (text is not [var high, var low, ..] || !char.IsAsciiHexDigit(high) || !char.IsAsciiHexDigit(low))
                return PathAndQueryFault.PercentEncoding;
        }

        return null;
    }
}

/// <summary>Why a path or query is invalid.</summary>
internal enum PathAndQueryFault
{
    /// <summary>The text contains a character that RFC 3986 allows in percent-encoded form only.</summary>
    Character,

    /// <summary>A <c>%</c> is not followed by two hexadecimal digits.</summary>
    PercentEncoding,
}
