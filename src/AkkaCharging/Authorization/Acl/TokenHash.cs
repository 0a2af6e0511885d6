using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using AkkaCharging.Authorization.Questions;
using AkkaCharging.Requests;
using AkkaCharging.Settings;

namespace AkkaCharging.Authorization.Acl;

/// <summary>SHA-256 of the identity of a driver token in UTF-8: what rules hold instead of the token.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct TokenHash(ulong A, ulong B, ulong C, ulong D)
{
    private const string Prefix = "sha256:";

    // SHA256.HashData sets up OpenSSL's context for each call: 930 ns against 640 for one that is kept.
    [ThreadStatic]
    private static IncrementalHash? _sha256;

    /// <param name="uid">Printable ASCII, no longer than a token.</param>
    public static TokenHash Of(string uid)
    {
        Span<byte> utf8 = stackalloc byte[DriverToken.LengthMax];
        var length = Encoding.UTF8.GetBytes(uid, utf8);
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        _sha256 ??= IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        _sha256.AppendData(utf8[..length]);
        _sha256.GetHashAndReset(hash);
        return MemoryMarshal.Read<TokenHash>(hash);
    }

    /// <summary>Reads a token in clear or <c>sha256:</c> and 64 hexadecimal digits; null for anything else.</summary>
    public static TokenHash? TryParse(ReadOnlySpan<char> text, AclTokenForm form)
    {
        if (!text.StartsWith(Prefix, StringComparison.Ordinal))
        {
            var token = text.ToString();
            return form.Rules.Allow(token) ? Of(form.Reader.Normalize(token)) : null;
        }

        var hex = text[Prefix.Length..];
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        return
            hex.Length == 2 * hash.Length
            && Convert.FromHexString(hex, hash, out _, out _) == System.Buffers.OperationStatus.Done
            ? MemoryMarshal.Read<TokenHash>(hash)
            : null;
    }

    /// <summary>The hash is uniform already: mixing its parts again would only cost time.</summary>
    public override int GetHashCode() => (int)A;
}

/// <summary>What the tokens of an access list look like.</summary>
/// <param name="Rules">Which tokens the list may name in clear.</param>
/// <param name="Reader">Brings them to the form that is looked up.</param>
internal sealed record AclTokenForm(DriverTokenRules Rules, TokenReader Reader)
{
    /// <summary>The form without any setting.</summary>
    public static AclTokenForm Default { get; } =
        new(DriverTokenRules.Default, new TokenReader(areTyped: false, TokenNormalization.None));

    /// <summary>The form by the settings. A list names the identifiers of typed tokens, which are shorter.</summary>
    public static AclTokenForm Of(DriverTokenRules rules, AuthorizationSettings settings) =>
        new(
            settings.TypedTokens ? DriverTokenRules.Widest : rules,
            new TokenReader(settings.TypedTokens, settings.Normalize)
        );
}
